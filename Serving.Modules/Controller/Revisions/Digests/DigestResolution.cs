using System.Collections.Concurrent;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Concurrency;
using Serving.Kubernetes;

namespace Serving.Controller.Revisions.Digests;

/// <summary>
/// Resolves the images of Revisions beside the work queue, so that a slow registry holds up nobody else. Invariant: at most one
/// resolution a Revision and a hundred images at once; when one ends, its key is asked for again. An image that failed is
/// asked for again later and later.
/// </summary>
internal sealed class DigestResolution(IDigestResolver resolver, TimeProvider time) : IDisposable
{
    private const int ImagesAtOnce = 100;

    private static readonly TimeSpan LongestTimeout = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<ObjectKey, Running> _running = new();
    private readonly ConcurrentDictionary<ObjectKey, ConcurrentDictionary<string, int>> _failures = new();
    private readonly SemaphoreSlim _slots = new(ImagesAtOnce);
    private readonly RetryPace _pace = new(time);

    /// <summary>Asked for again when a resolution ends.</summary>
    public Action<ObjectKey> Resolved { get; set; } = static _ => { };

    /// <summary>
    /// The digests when they are known, null while they are being looked up; throws what the resolver threw, once: the next call
    /// begins anew. Called for one key by one caller at a time.
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
                BackgroundFailure.Watch($"Asking again for Revision {key}", AskAgainAsync(key, task));
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

    /// <summary>Gives up on a Revision that is gone.</summary>
    public void Forget(ObjectKey key)
    {
        End(key);
        _failures.TryRemove(key, out _);
    }

    /// <summary>Gives up on all; may be used again, by a later term.</summary>
    public void Clear()
    {
        foreach (var key in _running.Keys.Concat(_failures.Keys))
        {
            Forget(key);
        }
    }

    /// <summary>Gives up on all. What waits for a slot is cancelled, and gives back what it has; so the slots are left to the
    /// collector.</summary>
    public void Dispose() => Clear();

    private async Task AskAgainAsync(ObjectKey key, Task resolution)
    {
        // How it failed is for whoever asks; nobody does for a Revision that is gone.
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

        // Containers of one image get one digest, also when the tag moves in between.
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
                // The first that fails is told at once, and the others are asked for again with it.
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
