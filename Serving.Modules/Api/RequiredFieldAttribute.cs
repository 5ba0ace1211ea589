namespace Serving.Api;

/// <summary>
/// Marks a field that a document must have. It is the one place that says so: the generated schemas take their <c>required</c> from it, and
/// <see cref="ApiJson"/> writes the field whatever its value, since empty text, an empty list and 0 mean something in such a field.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class RequiredFieldAttribute : Attribute;
