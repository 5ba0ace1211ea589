using Microsoft.AspNetCore.Http;
using Serving.Api.WellKnown;
using Serving.Dataplane.Requests;

namespace Serving.Networking.Gateway.Proxying;

/// <summary>
/// Knative's internal headers, <c>K-*</c> and <c>Knative-*</c>. Clients must not set them: they determine how a request is counted, where
/// it is routed and which host the program sees.
/// </summary>
internal static class InternalHeaders
{
    private const string Knative = "Knative";

    /// <summary>Removes all of them, except the tag header if <paramref name="keepTag"/> is set.</summary>
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

    /// <summary>Whether a name is one of them, also with underscores, which many programs treat like hyphens.</summary>
    public static bool Is(ReadOnlySpan<char> name) =>
        name.Length > 1
        && (name[0] | 0x20) == 'k'
        && (
            IsHyphen(name[1])
            || (
                name.Length > Knative.Length
                && IsHyphen(name[Knative.Length])
                && name.StartsWith(Knative, StringComparison.OrdinalIgnoreCase)
            )
        );

    private static bool IsHyphen(char c) => c is '-' or '_';
}
