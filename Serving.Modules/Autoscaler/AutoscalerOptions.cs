using System.Net;

namespace Serving.Autoscaler;

/// <summary>Where the autoscaler receives stats from activators in other processes.</summary>
/// <param name="Address">The listen address.</param>
/// <param name="Port">The listen port; 0 to have a free one assigned.</param>
public sealed record AutoscalerOptions(IPAddress Address, int Port = 8080);
