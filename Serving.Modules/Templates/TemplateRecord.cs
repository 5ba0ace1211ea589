namespace Serving.Templates;

/// <summary>Template data that consists of a few named values.</summary>
public sealed class TemplateRecord : ITemplateObject
{
    private readonly (string Name, object? Value)[] _fields;

    /// <param name="typeName">The type name for error messages.</param>
    /// <param name="fields">Field names and values.</param>
    public TemplateRecord(string typeName, params (string Name, object? Value)[] fields)
    {
        TypeName = typeName;
        _fields = fields;
    }

    /// <inheritdoc/>
    public string TypeName { get; }

    /// <inheritdoc/>
    public bool TryGet(string field, out object? value)
    {
        foreach (var (name, candidate) in _fields)
        {
            if (name != field)
                continue;
            value = candidate;
            return true;
        }

        value = null;
        return false;
    }
}
