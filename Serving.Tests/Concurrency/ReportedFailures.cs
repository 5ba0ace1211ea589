using System.Collections.Concurrent;
using Serving.Concurrency;

namespace Serving.Tests.Concurrency;

/// <summary>Collects the background failures of the process while it exists; concurrent tests report too, so query by name.</summary>
internal sealed class ReportedFailures : IDisposable
{
    private readonly ConcurrentQueue<(string What, Exception Failure)> _reported = new();
    private readonly IDisposable _listening;

    public ReportedFailures() => _listening = BackgroundFailure.Listen((what, failure) => _reported.Enqueue((what, failure)));

    /// <summary>The messages of the failures of <paramref name="what"/>, in order.</summary>
    public IReadOnlyList<string> Of(string what) =>
        [.. _reported.Where(failure => failure.What == what).Select(failure => failure.Failure.Message)];

    public void Dispose() => _listening.Dispose();
}
