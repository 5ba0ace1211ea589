namespace Serving.Networking.Gateway.Telemetry;

/// <summary>Why the gateway responds to a request itself.</summary>
internal enum UnroutedReason
{
    /// <summary>No route leads to the host and path.</summary>
    NoRoute,

    /// <summary>The route has no backend.</summary>
    NoBackend,

    /// <summary>The route leads to itself.</summary>
    Loop,

    /// <summary>The path contains <c>..</c>.</summary>
    BadPath,

    /// <summary>The client is redirected to HTTPS.</summary>
    Redirect,
}
