namespace Serving.Templates;

/// <summary>Data with named fields, as templates see it (<c>.Name</c>). An explicit list instead of reflection, so that it survives trimming.</summary>
public interface ITemplateObject
{
    /// <summary>The type's name in error messages.</summary>
    string TypeName { get; }

    /// <summary>The value of a field; false when there is no such field. Values: string, bool, whole and floating numbers, string maps, objects, null.</summary>
    bool TryGet(string field, out object? value);
}
