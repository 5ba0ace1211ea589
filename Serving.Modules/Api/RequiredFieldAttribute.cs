namespace Serving.Api;

/// <summary>
/// Marks a required field. This is its single definition: the generated schemas take <c>required</c> from it, and <see cref="ApiJson"/>
/// writes the field whatever its value, since an empty string, an empty list and 0 are meaningful in such a field.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class RequiredFieldAttribute : Attribute;
