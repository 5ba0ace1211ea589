using System.Diagnostics;
using Microsoft.AspNetCore.Http;

namespace Serving.TestPrograms;

/// <summary>
/// The result of probes. The program is healthy from <c>READY_AFTER_MILLISECONDS</c> after its start until it is told to fail; with
/// <c>STATE=volume</c> a file of the volume must also contain <c>ready</c>: the one with the pod's name or, if it does not exist, the
/// revision's name.
/// </summary>
internal static class Health
{
    private static readonly TimeSpan ReadyAfter = TimeSpan.FromMilliseconds(Settings.Number("READY_AFTER_MILLISECONDS"));
    private static readonly long Started = Stopwatch.GetTimestamp();
    private static readonly bool FollowsState = Settings.Text("STATE") == "volume";
    private static volatile bool _failing;
    private static int _probes;

    /// <summary>The number of probes.</summary>
    public static int Probes => Volatile.Read(ref _probes);

    /// <summary>Fails every probe from now on.</summary>
    public static void Fail() => _failing = true;

    /// <summary>Responds to a probe.</summary>
    public static void Answer(HttpContext context)
    {
        Interlocked.Increment(ref _probes);
        context.Response.StatusCode = IsHealthy ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
    }

    private static bool IsHealthy => !_failing && Stopwatch.GetElapsedTime(Started) >= ReadyAfter && (!FollowsState || State == "ready");

    private static string? State => (Volume.Read(Settings.Host) ?? Volume.Read(Settings.Text("K_REVISION")))?.Trim();
}
