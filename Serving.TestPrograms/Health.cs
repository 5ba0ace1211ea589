using System.Diagnostics;
using Microsoft.AspNetCore.Http;

namespace Serving.TestPrograms;

/// <summary>
/// What probes are told. Healthy is the program from <c>READY_AFTER_MILLISECONDS</c> after its start until it is asked to fail; with
/// <c>STATE=volume</c> a file of the volume must say <c>ready</c> too: the one named as the pod or, where there is none, as the revision.
/// </summary>
internal static class Health
{
    private static readonly TimeSpan ReadyAfter = TimeSpan.FromMilliseconds(Settings.Number("READY_AFTER_MILLISECONDS"));
    private static readonly long Started = Stopwatch.GetTimestamp();
    private static readonly bool FollowsState = Settings.Text("STATE") == "volume";
    private static volatile bool failing;
    private static int probes;

    /// <summary>How often a probe asked.</summary>
    public static int Probes => Volatile.Read(ref probes);

    /// <summary>Fails every probe from now on.</summary>
    public static void Fail() => failing = true;

    /// <summary>Answers a probe.</summary>
    public static void Answer(HttpContext context)
    {
        Interlocked.Increment(ref probes);
        context.Response.StatusCode = IsHealthy ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
    }

    private static bool IsHealthy => !failing && Stopwatch.GetElapsedTime(Started) >= ReadyAfter && (!FollowsState || State == "ready");

    private static string? State => (Volume.Read(Settings.Host) ?? Volume.Read(Settings.Text("K_REVISION")))?.Trim();
}
