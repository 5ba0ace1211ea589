namespace Serving.Networking.Gateway.Telemetry;

/// <summary>The names of enumerations in metrics and logs.</summary>
internal static class TelemetryNames
{
    public static string Name(this Listener listener) => listener == Listener.External ? "external" : "cluster-local";

    public static string Name(this UnroutedReason reason) =>
        reason switch
        {
            UnroutedReason.NoRoute => "no_route",
            UnroutedReason.NoBackend => "no_backend",
            UnroutedReason.Loop => "loop",
            UnroutedReason.BadPath => "bad_path",
            UnroutedReason.Redirect => "redirect",
            _ => throw new ArgumentOutOfRangeException(nameof(reason), reason, null),
        };
}
