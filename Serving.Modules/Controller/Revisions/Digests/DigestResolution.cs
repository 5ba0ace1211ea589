using System.Collections.Concurrent;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Concurrency;
using Serving.Kubernetes;

namespace Serving.Controller.Revisions.Digests;

/// <summary>
/// Resolves the images of Revisions outside of the work queue, so that a slow registry does not block other Revisions. Invariant: at most
/// one resolution per Revision and a hundred images at once; when one ends, its key is enqueued again. A failed image is retried with
/// growing delays.
/// </summary>
internal sealed class DigestResolution(IDigestResolver resolver, TimeProvider time) : IDisposable
{
    private const int ImagesAtOnce = 100;

    private static readonly TimeSpan LongestTimeout = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<ObjectKey, Running> _running = new();
    private readonly ConcurrentDictionary<ObjectKey, ConcurrentDictionary<string, int>> _failures = new();
    private readonly SemaphoreSlim _slots = new(ImagesAtOnce);
    private readonly RetryPace _pace = new(time);

    /// <summary>Called with the key when a resolution ends.</summary>
    public Action<ObjectKey> Resolved { get; set; } = static _ => { };

    /// <summary>
    /// The digests when they are known, null while they are being resolved. Throws the resolver's exception once; the next call starts a
    /// new resolution. Calls for one key must not overlap.
    /// </summary>
    public DigestResult? Poll(Revision revision, DeploymentConfig config)
    {
        var key = ObjectKey.Of(revision);
        if (_running.TryGetValue(key, out var known) && known.Uid != revision.Metadata.Uid)
        {
            Forget(key);
            known = null;
        }

        if (known is null)
        {
            var cancel = new CancellationTokenSource();
            var task = ResolveAsync(key, revision, config, cancel.Token);
            known = new Running(revision.Metadata.Uid, task, cancel);
            _running[key] = known;
            if (!task.IsCompleted)
            {
                BackgroundFailure.Watch($"Enqueuing Revision {key}", AskAgainAsync(key, task));
                return null;
            }
        }

        if (!known.Task.IsCompleted)
        {
            return null;
        }

        End(key);
#pragma warning disable RS0030 // It has completed.
        var result = known.Task.GetAwaiter().GetResult();
#pragma warning restore RS0030
        _failures.TryRemove(key, out _);
        return result;
    }

    /// <summary>Cancels the resolution of a deleted Revision.</summary>
    public void Forget(ObjectKey key)
    {
        End(key);
        _failures.TryRemove(key, out _);
    }

    /// <summary>Cancels all resolutions; may be used again by a later term.</summary>
    public void Clear()
    {
        foreach (var key in _running.Keys.Concat(_failures.Keys))
        {
            Forget(key);
        }
    }

    /// <summary>Cancels all resolutions. Those that wait for a slot are cancelled and still release their slots, so the semaphore is left
    /// to the garbage collector.</summary>
    public void Dispose() => Clear();

    private async Task AskAgainAsync(ObjectKey key, Task resolution)
    {
        // The failure is reported by Poll; nobody polls for a deleted Revision.
        await resolution.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Resolved(key);
    }

    private void End(ObjectKey key)
    {
        if (_running.TryRemove(key, out var known))
        {
            known.Cancel.CancelSafely();
            known.Cancel.Dispose();
        }
    }

    private async Task<DigestResult> ResolveAsync(ObjectKey key, Revision revision, DeploymentConfig config, CancellationToken cancellation)
    {
        using var rest = CancellationTokenSource.CreateLinkedTokenSource(cancellation);

        // Containers with the same image get the same digest, even when the tag moves in between.
        var images = revision
            .Spec.InitContainers.Concat(revision.Spec.Containers)
            .Select(static container => container.Image)
            .Distinct(StringComparer.Ordinal)
            .ToDictionary(
                static image => image,
                image => OneAsync(key, Request(revision, image, config), rest.Token),
                StringComparer.Ordinal
            );
        await foreach (var ended in Task.WhenEach(images.Values))
        {
            if (!ended.IsCompletedSuccessfully)
            {
                // Report the first failure at once; the other images are resolved again with the retry.
                await rest.CancelAsync();
                await ((Task)Task.WhenAll(images.Values)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                await ended;
            }
        }

        return new DigestResult(Of(revision.Spec.InitContainers), Of(revision.Spec.Containers));

        IReadOnlyList<ContainerDigest> Of(IReadOnlyList<Container> containers) =>
            [
                .. containers.Select(container => new ContainerDigest
                {
                    Name = container.Name,
                    ImageDigest = images[container.Image].Result,
                }),
            ];
    }

    private async Task<string> OneAsync(ObjectKey key, DigestRequest request, CancellationToken cancellation)
    {
        var counts = _failures.GetOrAdd(key, static _ => new ConcurrentDictionary<string, int>(StringComparer.Ordinal));
        if (_pace.Next(counts.GetValueOrDefault(request.Image)) is { Ticks: > 0 } wait)
        {
            await Task.Delay(wait, time, cancellation);
        }

        await _slots.WaitAsync(cancellation);
        try
        {
            return await resolver.ResolveAsync(request, cancellation);
        }
        catch (DigestException)
        {
            counts.AddOrUpdate(request.Image, 1, static (_, count) => count + 1);
            throw;
        }
        finally
        {
            _slots.Release();
        }
    }

    private static DigestRequest Request(Revision revision, string image, DeploymentConfig config) =>
        new(
            image,
            revision.Metadata.Namespace,
            revision.Spec.ServiceAccountName,
            [.. revision.Spec.ImagePullSecrets.Select(static secret => secret.Name)],
            config.RegistriesSkippingTagResolving,
            config.DigestResolutionTimeout < LongestTimeout ? config.DigestResolutionTimeout : LongestTimeout
        );

    private sealed record Running(string Uid, Task<DigestResult> Task, CancellationTokenSource Cancel);
}

/// <summary>The digests of a Revision's containers.</summary>
internal sealed record DigestResult(IReadOnlyList<ContainerDigest> InitContainers, IReadOnlyList<ContainerDigest> Containers);
