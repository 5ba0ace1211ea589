namespace Serving.Benchmarks.Services;

/// <summary>How long a run waits, and what it does before it measures.</summary>
/// <param name="WarmUp">The Services that are created and deleted first: a Service does not cost what the just-in-time compiler
/// costs.</param>
/// <param name="Settling">How long the processes are left alone before a sample of their memory: longer than they take to find that they
/// are idle, and to collect.</param>
/// <param name="Trailing">How long work may go on after the last Service is Ready, and counts.</param>
internal sealed record ServicesTiming(int WarmUp, TimeSpan Settling, TimeSpan Trailing)
{
    /// <summary>For figures.</summary>
    public static ServicesTiming Full { get; } = new(40, TimeSpan.FromSeconds(40), TimeSpan.FromSeconds(3));

    /// <summary>For a test that it works.</summary>
    public static ServicesTiming Smoke { get; } = new(1, TimeSpan.FromMilliseconds(200), TimeSpan.FromMilliseconds(200));
}
