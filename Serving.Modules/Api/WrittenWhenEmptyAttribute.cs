namespace Serving.Api;

/// <summary>Marks an optional string that is meaningful when empty, like a pointer in Go. For required fields see
/// <see cref="RequiredFieldAttribute"/>.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class WrittenWhenEmptyAttribute : Attribute;
