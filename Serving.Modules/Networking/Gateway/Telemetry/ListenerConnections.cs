namespace Serving.Networking.Gateway.Telemetry;

/// <summary>The open connections of a listener.</summary>
/// <param name="Listener">The name of the listener.</param>
/// <param name="Scheme"><c>http</c> or <c>https</c>.</param>
/// <param name="Count">Their number.</param>
internal readonly record struct ListenerConnections(string Listener, string Scheme, int Count);
