namespace Serving.Templates;

/// <summary>Template data with named fields (<c>.Name</c>). An explicit list instead of reflection, so that it works with
/// trimming.</summary>
public interface ITemplateObject
{
    /// <summary>The type name for error messages.</summary>
    string TypeName { get; }

    /// <summary>The value of a field; false when there is no such field. Values: string, bool, integer and floating-point numbers, string
    /// maps, objects, null.</summary>
    bool TryGet(string field, out object? value);
}
