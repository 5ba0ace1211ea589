using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Kubernetes.Client;

namespace Serving.Host.Local;

/// <summary>
/// Finds out whether a write that admission must see would be admitted now: the webhook's Service has endpoints, the webhook responds over
/// TLS, and the configurations that lead to it are there. It asks the API server for a dry run, as any client might. Answers are kept for a
/// second.
/// </summary>
/// <param name="client">Writes as others do: an identity that webhooks are asked about.</param>
/// <param name="systemNamespace">Where the dry run is.</param>
/// <param name="time">The clock.</param>
internal sealed class AdmissionCheck(IKubernetesClient client, string systemNamespace, TimeProvider time) : IDisposable
{
    private const string Name = "admission-check";
    private const string CallFailed = "failed calling webhook";
    private const string OurWebhooks = "webhook.serving.knative.dev\"";
    private static readonly TimeSpan Kept = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _asking = new(1);
    private Answer? _last;

    /// <summary>Why such a write would fail; null when it would not.</summary>
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
                : "the webhook configuration webhook.serving.knative.dev is missing or does not lead to the webhook: start again to put it back";
        }
        catch (KubernetesException failure) when (IsOthers(failure))
        {
            // Ours was passed, or never comes to it: whose webhook that is sees it in what his client is told.
            return null;
        }
        catch (KubernetesException failure)
        {
            return failure.Message;
        }
    }

    /// <summary>Whether a webhook of somebody else refuses, or does not answer.</summary>
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
