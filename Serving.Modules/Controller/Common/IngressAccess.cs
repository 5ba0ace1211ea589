using Serving.Api;
using Serving.Api.Networking;
using Serving.Kubernetes;

namespace Serving.Controller.Common;

/// <summary>Creates and updates the Ingress that an object wants.</summary>
internal static class IngressAccess
{
    /// <summary>
    /// The Ingress as it is after it was made what is wanted; nothing is written when <paramref name="existing"/> is that already. Throws
    /// <see cref="NotOwnedException"/> when it is somebody else's.
    /// </summary>
    public static async Task<Ingress> EnsureAsync(
        IKubernetesObject owner, Ingress? existing, Ingress wanted, IKubernetesClient client, IEventRecorder events, CancellationToken cancellation)
    {
        if (existing is null)
        {
            try
            {
                var (created, isNew) = await ChildObjects.CreateAsync(client, Serving.Api.Resources.Ingresses, wanted, owner, cancellation).ConfigureAwait(false);
                if (!isNew)
                {
                    return created;
                }

                events.Normal(owner, "Created", $"Created Ingress \"{wanted.Metadata.Name}\"");
                return created;
            }
            catch (ChildRefusedException error)
            {
                events.Warning(owner, "CreationFailed", $"Failed to create Ingress: {error.Refusal.Message}");
                throw;
            }
        }

        ChildObjects.EnsureOwned(Serving.Api.Resources.Ingresses, existing, owner);
        var result = existing with
        {
            Spec = wanted.Spec.Keeping(existing.Spec),
            Metadata = existing.Metadata with { Labels = wanted.Metadata.Labels, Annotations = wanted.Metadata.Annotations },
        };
        return ApiEquality.Same(existing, result) ? existing : await client.UpdateAsync(Serving.Api.Resources.Ingresses, result, cancellation).ConfigureAwait(false);
    }
}
