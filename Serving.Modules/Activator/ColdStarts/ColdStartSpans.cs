using System.Diagnostics;

namespace Serving.Activator.ColdStarts;

/// <summary>Writes the phases of a cold start as spans below that of the request that waited for it. They are known only once the response
/// has begun, so they get the times at which they were, and may be exported after their parent.</summary>
internal static class ColdStartSpans
{
    /// <summary>The prefix of the spans' names.</summary>
    public const string Prefix = "kn.coldstart.";

    /// <param name="request">The span of the request.</param>
    /// <param name="arrived">When the request arrived.</param>
    /// <param name="parts">The phases.</param>
    public static void Write(Activity request, DateTimeOffset arrived, ColdStartBreakdown parts)
    {
        if (!request.Recorded)
            return;
        for (var phase = 0; phase < ColdStartBreakdown.PhaseCount; phase++)
        {
            if (parts[(ColdStartPhase)phase] is not { } duration)
                continue;
            var begin = arrived + parts.BeginOf((ColdStartPhase)phase);
            using var span = request.Source.StartActivity(
                Prefix + ColdStartBreakdown.NameOf((ColdStartPhase)phase),
                ActivityKind.Internal,
                request.Context,
                startTime: begin
            );
            span?.SetEndTime((begin + duration).UtcDateTime);
        }
    }
}
