using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;
using Serving.Networking.Istio.Objects;

namespace Serving.Networking.Istio;

/// <summary>
/// Writes and deletes the copies of certificates. Invariant: a Secret that does not name the original in its labels is not ours and is
/// never changed.
/// </summary>
internal sealed class SecretCopies(ILister<Secret> secrets, ILister<Ingress> ingresses, IEventRecorder events)
{
    /// <summary>Brings the copies to what is wanted.</summary>
    public async Task EnsureAsync(Ingress ingress, IReadOnlyList<Secret> wanted, IKubernetesClient client, CancellationToken cancellation)
    {
        foreach (var copy in wanted)
        {
            await EnsureAsync(ingress, copy, client, cancellation);
        }
    }

    /// <summary>
    /// Deletes the copies of the Ingress's certificates that it does not need any more. A copy that other Ingresses use stays, and so does
    /// one of a certificate that its specification no longer names: the finalizer of the Ingress that made it cannot know it.
    /// </summary>
    public async Task DeleteAsync(Ingress ingress, IReadOnlyList<Secret> wanted, IKubernetesClient client, CancellationToken cancellation)
    {
        if (ingress.Spec.Tls.Count == 0)
        {
            return;
        }

        var kept = wanted.Select(static copy => ObjectKey.Of(copy)).ToHashSet();
        foreach (var copy in secrets.List().Where(copy => !kept.Contains(ObjectKey.Of(copy)) && IsOf(ingress, copy)))
        {
            await ChildObjects.DeleteAsync(client, Resources.Secrets, copy.Metadata.Namespace, copy.Metadata.Name, cancellation);
        }
    }

    private async Task EnsureAsync(Ingress ingress, Secret wanted, IKubernetesClient client, CancellationToken cancellation)
    {
        var key = ObjectKey.Of(wanted);
        var existing = secrets.Get(key.Namespace, key.Name);
        if (existing is null)
        {
            var child = await ChildObjects.CreateOrFindAsync(client, Resources.Secrets, wanted, cancellation);
            if (child.Outcome == ChildOutcome.Created)
            {
                events.Normal(ingress, "Created", $"Created Secret {key.Namespace}/{key.Name}");
                return;
            }

            existing = child.Object;
        }

        if (SecretMaker.OriginOf(existing) != SecretMaker.OriginOf(wanted))
        {
            throw new NotOwnedException(
                $"ingress: \"{ingress.Metadata.Name}\" does not own secret: \"{key.Name}\"",
                Resources.Secrets.Kind,
                key,
                $"It is not the copy of a certificate: delete Secret {key.Namespace}/{key.Name}."
            );
        }

        var updated = existing with { Data = wanted.Data, Metadata = existing.Metadata with { Labels = wanted.Metadata.Labels } };
        if (!ApiEquality.Same(existing, updated))
        {
            await client.UpdateAsync(Resources.Secrets, updated, cancellation);
            events.Normal(ingress, "Updated", $"Updated Secret {key.Namespace}/{key.Name}");
        }
    }

    /// <summary>Whether a Secret is a copy that the Ingress made and no other Ingress uses.</summary>
    private bool IsOf(Ingress ingress, Secret candidate)
    {
        if (SecretMaker.OriginOf(candidate) is not { } origin || !Uses(ingress, origin))
        {
            return false;
        }

        var others = ingresses
            .List()
            .Where(other =>
                IstioLayer.Layer.Serves(other)
                && other.Metadata.DeletionTimestamp is null
                && ObjectKey.Of(other) != ObjectKey.Of(ingress)
                && Uses(other, origin)
            );
        return candidate.Metadata.Name == Names.WildcardSecretCopy(origin.Namespace, origin.Name)
            ? !others.Any()
            : candidate.Metadata.Name.StartsWith(ingress.Metadata.Name + "-", StringComparison.Ordinal)
                && !others.Any(other => candidate.Metadata.Name.StartsWith(other.Metadata.Name + "-", StringComparison.Ordinal));
    }

    private static bool Uses(Ingress ingress, (string Namespace, string Name) origin) =>
        ingress.Spec.Tls.Any(tls => tls.SecretNamespace == origin.Namespace && tls.SecretName == origin.Name);
}
