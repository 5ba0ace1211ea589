using System.Globalization;
using Serving.Api.WellKnown;

namespace Serving.Api.Autoscaling;

/// <summary>Pods that serve a fixed number of requests and are replaced then.</summary>
public static class EphemeralPods
{
    /// <summary>The number of requests that each pod of a revision serves, at least 1; null for no limit. An invalid annotation counts as
    /// absent; admission rejects those.</summary>
    public static int? MaxRequests(IReadOnlyDictionary<string, string> annotations)
    {
        ArgumentNullException.ThrowIfNull(annotations);
        return
            annotations.TryGetValue(ReserveKeys.MaxRequestsPerPod, out var text)
            && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var most)
            && most > 0
            ? most
            : null;
    }
}
