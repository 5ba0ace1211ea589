namespace Serving.Api;

/// <summary>Carries over what other releases wrote.</summary>
public static class ExtensibleExtensions
{
    /// <summary>
    /// The wanted part of a document with the fields that only the existing one has because a newer release, which stands beside this
    /// one during an upgrade, knows them: to replace it must not take them away.
    /// </summary>
    public static T Keeping<T>(this T wanted, T existing)
        where T : Extensible
    {
        ArgumentNullException.ThrowIfNull(wanted);
        ArgumentNullException.ThrowIfNull(existing);
        return existing.Unmodelled is { Count: > 0 } fields && wanted.Unmodelled is not { Count: > 0 }
            ? (T)((Extensible)wanted with { Unmodelled = fields })
            : wanted;
    }
}
