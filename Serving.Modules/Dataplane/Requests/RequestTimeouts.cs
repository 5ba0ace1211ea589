namespace Serving.Dataplane.Requests;

/// <summary>How long a request may take. A value of zero or less sets no bound.</summary>
/// <param name="Total">From its arrival to the end of the response; also of one that has left HTTP (WebSocket).</param>
/// <param name="ResponseStart">From its arrival to the first byte of the response; of one that has left HTTP, to the first byte that the program sends then.</param>
/// <param name="Idle">Between two writes of the response; of one that has left HTTP, between two bytes in either direction.</param>
public readonly record struct RequestTimeouts(TimeSpan Total, TimeSpan ResponseStart, TimeSpan Idle);
