using System.Text;

namespace Serving.Templates;

/// <summary>The state of an execution: the data (<c>$</c>), the current value (<c>.</c>), the output, and the output limit.</summary>
internal sealed record Scope(string Template, object? Root, object? Dot, StringBuilder Output, Allowance Allowance)
{
    /// <summary>Returns the text and counts it; throws when the execution has produced too much.</summary>
    public string Made(int line, string text) => Allowance.Take(text.Length) ? text : throw Refuse(line, "the result is too long");

    public TemplateException Refuse(int line, string message) => new(Template, line, "executing: " + message);
}

/// <summary>A template node that produces output.</summary>
internal abstract record Node(int Line)
{
    public abstract void Write(Scope scope);
}

internal sealed record TextNode(int Line, string Text) : Node(Line)
{
    public override void Write(Scope scope) => scope.Output.Append(Text);
}

internal sealed record ActionNode(int Line, Expression Value) : Node(Line)
{
    public override void Write(Scope scope) => scope.Output.Append(scope.Made(Line, Values.Print(Value.Evaluate(scope))));
}

/// <summary><c>if</c>, or <c>with</c> when <paramref name="Rebinds"/>.</summary>
internal sealed record BranchNode(int Line, bool Rebinds, Expression Test, IReadOnlyList<Node> Then, IReadOnlyList<Node> Else) : Node(Line)
{
    public override void Write(Scope scope)
    {
        var value = Test.Evaluate(scope);
        var truth = Values.IsTrue(value);
        var inner = truth && Rebinds ? scope with { Dot = value } : scope;
        foreach (var node in truth ? Then : Else)
            node.Write(inner);
    }
}

/// <summary>A template node that has a value.</summary>
internal abstract record Expression(int Line)
{
    /// <summary>The depth of its expression tree, including itself.</summary>
    public virtual int Height => 1;

    public abstract object? Evaluate(Scope scope);
}

internal sealed record Constant(int Line, object? Value) : Expression(Line)
{
    public override object? Evaluate(Scope scope) => Value;
}

internal sealed record Current(int Line) : Expression(Line)
{
    public override object? Evaluate(Scope scope) => scope.Dot;
}

internal sealed record Root(int Line) : Expression(Line)
{
    public override object? Evaluate(Scope scope) => scope.Root;
}

internal sealed record FieldOf(int Line, Expression Target, string Name) : Expression(Line)
{
    public override int Height { get; } = Target.Height + 1;

    public override object? Evaluate(Scope scope)
    {
        var target = Target.Evaluate(scope);
        return target switch
        {
            ITemplateObject item => item.TryGet(Name, out var value)
                ? value
                : throw scope.Refuse(Line, $"can't evaluate field {Name} in type {item.TypeName}"),
            IReadOnlyDictionary<string, string> map => map.TryGetValue(Name, out var text) ? text : Values.Missing,
            TemplateHeader header => header.TryGet(Name, out var values) ? values : Values.Missing,
            null => throw scope.Refuse(Line, $"nil data; no entry for key \"{Name}\""),
            _ => throw scope.Refuse(Line, $"can't evaluate field {Name} in type {Values.TypeName(target)}"),
        };
    }
}

/// <summary>A method call on an object, such as <c>.Request.Header.Get "X"</c>.</summary>
internal sealed record MethodCall(int Line, Expression Target, string Name, IReadOnlyList<Expression> Arguments) : Expression(Line)
{
    public override int Height { get; } = 1 + Math.Max(Target.Height, Arguments.Max(static argument => argument.Height));

    public override object? Evaluate(Scope scope)
    {
        if (Target.Evaluate(scope) is not TemplateHeader header || Name != "Get")
        {
            throw scope.Refuse(Line, $"{Name} has arguments but cannot be invoked as function");
        }

        return Arguments.Count != 1 ? throw scope.Refuse(Line, $"wrong number of args for Get: want 1 got {Arguments.Count}")
            : Arguments[0].Evaluate(scope) is string field ? header.First(field)
            : throw scope.Refuse(Line, "expected string");
    }
}

internal sealed record Call(int Line, string Name, TemplateFunction Function, IReadOnlyList<Expression> Arguments) : Expression(Line)
{
    public override int Height { get; } = 1 + Arguments.Select(static argument => argument.Height).DefaultIfEmpty(0).Max();

    public override object? Evaluate(Scope scope)
    {
        // and/or stop at the argument that determines the result.
        if (Name is "and" or "or")
        {
            object? last = null;
            foreach (var argument in Arguments)
            {
                last = argument.Evaluate(scope);
                if (Values.IsTrue(last) == (Name == "or"))
                    return last;
            }

            return last;
        }

        var values = new object?[Arguments.Count];
        for (var i = 0; i < values.Length; i++)
            values[i] = Arguments[i].Evaluate(scope);
        try
        {
            var result = Function(values);
            return result is string text ? scope.Made(Line, text) : result;
        }
        catch (FormatException wrong) when (wrong is not TemplateException)
        {
            throw scope.Refuse(Line, $"error calling {Name}: {wrong.Message}");
        }
    }
}
