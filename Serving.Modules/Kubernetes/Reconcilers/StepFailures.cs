using System.Runtime.ExceptionServices;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Leadership;

namespace Serving.Kubernetes.Reconcilers;

/// <summary>
/// The failures of independent steps: a child that cannot be written must not keep a reconcile from steps that keep traffic working.
/// Invariant: no failure is lost, <see cref="Throw"/> reports all of them after the last step.
/// </summary>
public sealed class StepFailures
{
    private readonly List<Exception> _failures = [];

    /// <summary>The failures so far, in the order of the steps.</summary>
    public IReadOnlyList<Exception> All => _failures;

    /// <summary>Whether there are failures and all of them are due to a stale cache.</summary>
    public bool AreStaleCache => _failures.Count > 0 && _failures.TrueForAll(IsStaleCache);

    /// <summary>Runs a step. A failure is recorded and the result is null; cancellation and a lost lease are rethrown.</summary>
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

    /// <summary>Runs a step without a result; returns whether it succeeded.</summary>
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

    /// <summary>Adds a failure that a step has handled itself.</summary>
    public void Add(Exception failure) => _failures.Add(failure);

    /// <summary>
    /// Throws when a step failed: the failure itself when there is only one, otherwise all of them. A conflict means only that the cache is
    /// stale, so it is left out when there are other failures.
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

    /// <summary>The individual failures in what <see cref="Throw"/> threw.</summary>
    public static IReadOnlyList<Exception> Flatten(Exception thrown) =>
        thrown is AggregateException all ? all.Flatten().InnerExceptions : [thrown];

    /// <summary>
    /// Whether the failure only means that the cache is stale: the object is newer, exists already, or is being deleted with its namespace.
    /// It is not an error, and the result of the pass is not worth writing; the retry reads newer state.
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
