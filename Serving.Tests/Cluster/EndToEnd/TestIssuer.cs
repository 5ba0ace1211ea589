using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Kubernetes.Client;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster.EndToEnd;

/// <summary>
/// A certificate controller like net-certmanager, for Certificates of its own class: issues them with a CA of the test.
/// A deleted Secret is recreated.
/// </summary>
internal sealed class TestIssuer : IAsyncDisposable
{
    /// <summary>The class of its Certificates.</summary>
    public const string Class = "test.certificate.networking.knative.dev";

    private const string ClassAnnotation = "networking.knative.dev/certificate.class";
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    private readonly CancellationTokenSource _stop = new();
    private readonly TestAuthority _authority = new();
    private readonly ClusterClient _client;
    private readonly Task _running;

    public TestIssuer(ClusterClient client)
    {
        _client = client;
        _running = Task.Run(RunAsync);
    }

    /// <summary>The CA certificate, in PEM.</summary>
    public string Authority => _authority.Pem;

    /// <summary>The CA.</summary>
    public TestAuthority Signer => _authority;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
        _authority.Dispose();
    }

    private async Task RunAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                foreach (
                    var certificate in (await _client.ListAsync(Resources.Certificates, null, null, _stop.Token)).Items.Where(certificate =>
                        certificate.Metadata.Annotations.GetValueOrDefault(ClassAnnotation) == Class
                        && certificate.Metadata.DeletionTimestamp is null
                    )
                )
                {
                    await IssueAsync(certificate);
                }

                await Task.Delay(Interval, _stop.Token);
            }
            catch (KubernetesException)
            {
                // A conflict, or a deleted namespace: the next iteration uses the new state.
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private async Task IssueAsync(Certificate certificate)
    {
        var (ns, name) = (certificate.Metadata.Namespace, certificate.Spec.SecretName);
        if (!await ExistsAsync(ns, name))
        {
            var secret = _authority.Secret(ns, name, [.. certificate.Spec.DnsNames]);
            await _client.CreateAsync(
                Resources.Secrets,
                secret with
                {
                    Type = "kubernetes.io/tls",
                    Metadata = secret.Metadata with
                    {
                        Labels = new Dictionary<string, string> { [NetworkingKeys.CertificateUid] = certificate.Metadata.Uid },
                    },
                },
                _stop.Token
            );
        }

        if (
            certificate.Status.Conditions.FirstOrDefault(condition => condition.Type == "Ready")?.Status != "True"
            || certificate.Status.ObservedGeneration != certificate.Metadata.Generation
        )
        {
            await _client.UpdateStatusAsync(
                Resources.Certificates,
                certificate with
                {
                    Status = certificate.Status with
                    {
                        ObservedGeneration = certificate.Metadata.Generation,
                        NotAfter = DateTimeOffset.UtcNow.AddHours(1),
                        Conditions =
                        [
                            new Condition
                            {
                                Type = "Ready",
                                Status = "True",
                                LastTransitionTime = DateTimeOffset.UtcNow,
                            },
                        ],
                    },
                },
                _stop.Token
            );
        }
    }

    private async Task<bool> ExistsAsync(string ns, string name)
    {
        try
        {
            await _client.GetAsync(Resources.Secrets, ns, name, _stop.Token);
            return true;
        }
        catch (KubernetesException missing) when (missing.IsNotFound)
        {
            return false;
        }
    }
}
