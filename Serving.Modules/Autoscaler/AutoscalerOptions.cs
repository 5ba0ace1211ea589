using System.Net;

namespace Serving.Autoscaler;

/// <summary>Where the autoscaler takes statistics from activators of other processes.</summary>
/// <param name="Address">The address to listen on.</param>
/// <param name="Port">The port to listen on; 0 takes a free one.</param>
public sealed record AutoscalerOptions(IPAddress Address, int Port = 8080);
