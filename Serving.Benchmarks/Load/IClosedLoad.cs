using Serving.Benchmarks.Report.Model;

namespace Serving.Benchmarks.Load;

/// <summary>A load of as many requests as its connections carry: each sends the next request when it has a response.</summary>
internal interface IClosedLoad
{
    /// <summary>How much longer than its duration a load may take.</summary>
    static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(30);

    /// <summary>Puts the server under load.</summary>
    /// <param name="duration">In whole seconds, at least one.</param>
    /// <exception cref="InvalidOperationException">The program that makes the load failed, or is not installed.</exception>
    /// <exception cref="TimeoutException">The program did not end.</exception>
    Task<LoadSummary> RunAsync(TimeSpan duration);
}
