using Serving.Api;
using Serving.Api.Networking;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Reconcilers;

namespace Serving.Controller.Common;

/// <summary>Creates and updates the Ingress of an object.</summary>
internal static class IngressAccess
{
    /// <summary>
    /// The Ingress after it was created or updated; nothing is written when <paramref name="cached"/> is up to date. Throws
    /// <see cref="NotOwnedException"/> when another object owns it.
    /// </summary>
    public static async Task<Ingress> EnsureAsync(
        IKubernetesObject owner,
        Ingress? cached,
        Ingress wanted,
        IKubernetesClient client,
        IEventRecorder events,
        CancellationToken cancellation
    ) =>
        (
            await ChildObjects.EnsureAsync(
                client,
                Serving.Api.Resources.Ingresses,
                owner,
                cached,
                wanted,
                static (existing, wanted) =>
                    existing with
                    {
                        Spec = wanted.Spec.Keeping(existing.Spec),
                        Metadata = existing.Metadata.WithMapsOf(wanted.Metadata),
                    },
                cancellation,
                new ChildEvents(events, $"Ingress \"{wanted.Metadata.Name}\"") { NotCreated = "Ingress" }
            )
        ).Object;
}
