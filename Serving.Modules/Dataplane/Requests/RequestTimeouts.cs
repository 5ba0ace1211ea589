namespace Serving.Dataplane.Requests;

/// <summary>The timeouts of a request. Zero or less disables a timeout.</summary>
/// <param name="Total">From the arrival of the request to the end of the response, including upgraded requests (WebSocket).</param>
/// <param name="ResponseStart">From the arrival of the request to the first byte of the response; when upgraded, to the first byte from the
/// program after the upgrade.</param>
/// <param name="Idle">Between two writes of the response; when upgraded, between two bytes in either direction.</param>
public readonly record struct RequestTimeouts(TimeSpan Total, TimeSpan ResponseStart, TimeSpan Idle);
