namespace Serving.Dataplane.Requests;

/// <summary>How long a request may take. A value of zero or less sets no bound.</summary>
/// <param name="Total">From its arrival to the end of the answer.</param>
/// <param name="ResponseStart">From its arrival to the first byte of the answer.</param>
/// <param name="Idle">Between two writes of the answer.</param>
public readonly record struct RequestTimeouts(TimeSpan Total, TimeSpan ResponseStart, TimeSpan Idle);
