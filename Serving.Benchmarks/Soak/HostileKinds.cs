namespace Serving.Benchmarks.Soak;

/// <summary>Which hostile clients run.</summary>
internal enum HostileKinds
{
    /// <summary>Those that make a server work or hold much for little that they send: heads, frames, malformed requests, silence.</summary>
    Cheap,

    /// <summary>Also those that send large bodies of requests that wait. They move as much data as they can, so on one machine they take
    /// the processor from everybody by that alone.</summary>
    All,
}
