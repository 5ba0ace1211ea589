using System.Net;

namespace Serving.Dataplane.ProxyProtocol;

/// <summary>A complete header of the PROXY protocol.</summary>
/// <param name="Length">Its length in bytes.</param>
/// <param name="Source">
/// The client that the proxy relays; null when the header names none, because the proxy speaks for itself (LOCAL), does not know
/// (UNKNOWN, unspecified), or relays something other than TCP. The connection's own address counts then.
/// </param>
internal readonly record struct ProxyHeader(int Length, IPEndPoint? Source);
