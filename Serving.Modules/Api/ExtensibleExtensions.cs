namespace Serving.Api;

/// <summary>Preserves fields written by other releases.</summary>
public static class ExtensibleExtensions
{
    /// <summary>
    /// Returns the wanted part of a document with the extension data of the existing one: a newer release, which runs beside this one
    /// during an upgrade, may have written it, and an update must not remove it.
    /// </summary>
    public static T Keeping<T>(this T wanted, T existing)
        where T : Extensible
    {
        ArgumentNullException.ThrowIfNull(wanted);
        ArgumentNullException.ThrowIfNull(existing);
        return existing.ExtensionData is { Count: > 0 } fields && wanted.ExtensionData is not { Count: > 0 }
            ? (T)((Extensible)wanted with { ExtensionData = fields })
            : wanted;
    }
}
