using System.Runtime.ExceptionServices;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Leadership;

namespace Serving.Kubernetes.Reconcilers;

/// <summary>
/// The failures of steps that do not depend on each other: a child that cannot be written must not keep a reconcile from what keeps
/// traffic going. Invariant: no failure is lost, <see cref="Throw"/> reports all of them once the rest is done.
/// </summary>
public sealed class StepFailures
{
    private readonly List<Exception> _failures = [];

    /// <summary>The failures so far, in the order of the steps.</summary>
    public IReadOnlyList<Exception> All => _failures;

    /// <summary>Whether something failed, and all of it only because the cache is behind.</summary>
    public bool AreStaleCache => _failures.Count > 0 && _failures.TrueForAll(IsStaleCache);

    /// <summary>Does a step. A failure is kept and the result is null; an end of the work (cancelled, or the lease lost) is thrown
    /// on.</summary>
    public async Task<T?> TryAsync<T>(Func<Task<T>> step, CancellationToken cancellation)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(step);
        try
        {
            return await step();
        }
        catch (Exception failure) when (!IsEnd(failure, cancellation))
        {
            _failures.Add(failure);
            return null;
        }
    }

    /// <summary>Does a step that has no result; tells whether it succeeded.</summary>
    public async Task<bool> TryAsync(Func<Task> step, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(step);
        try
        {
            await step();
            return true;
        }
        catch (Exception failure) when (!IsEnd(failure, cancellation))
        {
            _failures.Add(failure);
            return false;
        }
    }

    /// <summary>Adds a failure that a step met and dealt with.</summary>
    public void Add(Exception failure) => _failures.Add(failure);

    /// <summary>
    /// Throws when a step failed: the failure itself when it is the only one, else all of them. A conflict says only that the cache is
    /// behind, so beside another failure it is left out.
    /// </summary>
    public void Throw()
    {
        var real = _failures.FindAll(failure => failure is not KubernetesException { IsConflict: true });
        if (real.Count > 1)
        {
            throw new AggregateException(string.Join("; ", real.Select(failure => failure.Message)), real);
        }

        if (_failures.Count > 0)
        {
            ExceptionDispatchInfo.Throw(real.Count == 1 ? real[0] : _failures[0]);
        }
    }

    /// <summary>What <see cref="Throw"/> threw, one by one.</summary>
    public static IReadOnlyList<Exception> Flatten(Exception thrown) =>
        thrown is AggregateException all ? all.Flatten().InnerExceptions : [thrown];

    /// <summary>
    /// Whether the server only knows more than the cache: the object is newer, exists already, or goes with its namespace. Nothing is
    /// wrong, and what was concluded is not worth writing; the next try sees more.
    /// </summary>
    public static bool IsStaleCache(Exception failure) =>
        Flatten(failure)
            .All(static one =>
                one
                    is KubernetesException { IsConflict: true }
                        or KubernetesException { IsAlreadyExists: true }
                        or KubernetesException { IsNamespaceTerminating: true }
            );

    private static bool IsEnd(Exception failure, CancellationToken cancellation) =>
        cancellation.IsCancellationRequested || failure is LeaseLostException;
}
