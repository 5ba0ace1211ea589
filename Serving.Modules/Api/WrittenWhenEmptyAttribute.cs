namespace Serving.Api;

/// <summary>Marks a string that is written even when it is empty, because the schema requires the field.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class WrittenWhenEmptyAttribute : Attribute;
