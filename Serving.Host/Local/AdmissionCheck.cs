using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Kubernetes.Client;

namespace Serving.Host.Local;

/// <summary>
/// Checks whether a write that needs admission would be admitted now: the webhook's Service has endpoints, the webhook responds over TLS,
/// and the webhook configurations exist. It sends a dry run to the API server like any client. Results are cached for a second.
/// </summary>
/// <param name="client">An identity whose writes pass through webhooks.</param>
/// <param name="systemNamespace">The namespace of the dry run.</param>
/// <param name="time">The clock.</param>
internal sealed class AdmissionCheck(IKubernetesClient client, string systemNamespace, TimeProvider time) : IDisposable
{
    private const string Name = "admission-check";
    private const string CallFailed = "failed calling webhook";
    private const string OurWebhooks = "webhook.serving.knative.dev\"";
    private static readonly TimeSpan Kept = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _asking = new(1);
    private Answer? _last;

    /// <summary>Why such a write would fail; null when it would succeed.</summary>
    public async Task<string?> ProblemAsync(CancellationToken cancellation)
    {
        await _asking.WaitAsync(cancellation);
        try
        {
            if (_last is null || time.GetElapsedTime(_last.At) > Kept)
            {
                _last = new Answer(await AskAsync(cancellation), time.GetTimestamp());
            }

            return _last.Problem;
        }
        finally
        {
            _asking.Release();
        }
    }

    public void Dispose() => _asking.Dispose();

    private async Task<string?> AskAsync(CancellationToken cancellation)
    {
        try
        {
            var admitted = await client.CreateAsync(Resources.KnativeServices, Probe(), cancellation, new WriteOptions(DryRun: true));
            return admitted.Metadata.Annotations.ContainsKey(ServingKeys.Creator)
                ? null
                : "the webhook configuration webhook.serving.knative.dev is missing or does not point to the webhook: restart to restore it";
        }
        catch (KubernetesException failure) when (IsOthers(failure))
        {
            // Our webhook has passed or was not reached; the failure of a foreign webhook is reported to its own clients.
            return null;
        }
        catch (KubernetesException failure)
        {
            return failure.Message;
        }
    }

    /// <summary>Whether a foreign webhook rejects the write or does not respond.</summary>
    private static bool IsOthers(KubernetesException failure) =>
        (int)failure.Code < 500
            ? !failure.IsNotFound
            : failure.Message.Contains(CallFailed, StringComparison.Ordinal)
                && !failure.Message.Contains(OurWebhooks, StringComparison.Ordinal);

    private Service Probe() =>
        new()
        {
            ApiVersion = Resources.KnativeServices.ApiVersion,
            Kind = Resources.KnativeServices.Kind,
            Metadata = new ObjectMeta { Name = Name, Namespace = systemNamespace },
            Spec = new ServiceSpec
            {
                Template = new RevisionTemplateSpec
                {
                    Spec = new RevisionSpec { Containers = [new Container { Image = "serving.local/admission-check" }] },
                },
            },
        };

    private sealed record Answer(string? Problem, long At);
}
