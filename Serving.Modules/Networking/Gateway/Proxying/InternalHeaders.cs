using Microsoft.AspNetCore.Http;
using Serving.Api.WellKnown;
using Serving.Dataplane;

namespace Serving.Networking.Gateway.Proxying;

/// <summary>
/// The headers by which parts of Knative tell each other things, <c>K-*</c> and <c>Knative-*</c>. No client may speak in them: they would
/// decide how its request is counted, where it goes and which host the program sees.
/// </summary>
internal static class InternalHeaders
{
    private const string Knative = "Knative";

    /// <summary>Takes all of them off, but the tag header where <paramref name="keepTag"/> says so.</summary>
    public static void Remove(IHeaderDictionary headers, bool keepTag)
    {
        using var fields = HeaderFields.Of(headers);
        foreach (var (name, _) in fields.Span)
        {
            if (Is(name) && !(keepTag && name.Equals(Headers.Tag, StringComparison.OrdinalIgnoreCase)))
            {
                headers.Remove(name);
            }
        }
    }

    /// <summary>Whether a name is one of them, also with underscores, which many programs take for hyphens.</summary>
    public static bool Is(ReadOnlySpan<char> name)
        => name.Length > 1 && (name[0] | 0x20) == 'k'
            && (IsHyphen(name[1]) || (name.Length > Knative.Length && IsHyphen(name[Knative.Length]) && name.StartsWith(Knative, StringComparison.OrdinalIgnoreCase)));

    private static bool IsHyphen(char c) => c is '-' or '_';
}
