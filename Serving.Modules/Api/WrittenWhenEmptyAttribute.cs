namespace Serving.Api;

/// <summary>Marks text that is optional and yet differs from absent text when it is empty, as a pointer in Go does. For a field that must be there see <see cref="RequiredFieldAttribute"/>.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class WrittenWhenEmptyAttribute : Attribute;
