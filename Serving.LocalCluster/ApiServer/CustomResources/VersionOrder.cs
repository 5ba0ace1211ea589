using System.Globalization;
using System.Text.RegularExpressions;

namespace Serving.LocalCluster.ApiServer.CustomResources;

/// <summary>Kubernetes' order of versions: v2, v1, v1beta2, v1alpha1, and then other names.</summary>
internal sealed partial class VersionOrder : IComparer<string?>
{
    public static readonly VersionOrder Instance = new();

    public int Compare(string? x, string? y) =>
        Rank(x ?? "").CompareTo(Rank(y ?? "")) is var order && order != 0 ? order : -string.CompareOrdinal(x, y);

    private static (int, int, int) Rank(string version)
    {
        var match = Parts().Match(version);
        if (!match.Success)
            return (0, 0, 0);
        var stability = match.Groups[2].Value switch
        {
            "" => 3,
            "beta" => 2,
            _ => 1,
        };
        return (stability, Number(match.Groups[1].Value), Number(match.Groups[3].Value));
    }

    private static int Number(string text) => int.TryParse(text, CultureInfo.InvariantCulture, out var number) ? number : 0;

    [GeneratedRegex(@"^v(\d+)(?:(alpha|beta)(\d+))?$", RegexOptions.CultureInvariant)]
    private static partial Regex Parts();
}
