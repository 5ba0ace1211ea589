using System.Net;
using System.Security.Cryptography.X509Certificates;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster.EndToEnd;

/// <summary>
/// Certificates by HTTP-01 on a cluster that redirects plain HTTP: the authority's requests reach the solver, in front of the redirect and
/// of the user's program, and of nothing else.
/// </summary>
[Category("Slow")]
[NonParallelizable]
public sealed class AcmeTests : EndToEndTests
{
    private TestCluster _cluster = null!;
    private AcmeAuthority _authority = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        TestCluster.NeedsLocalCluster("the test stands in for cert-manager");
        _cluster = await TestCluster.OpenWithHttpsAsync();
        await _cluster.ApplyAsync(AcmeAuthority.Definitions);
        await Eventually.HoldsAsync(() => _cluster.ApplyAsync(AcmeAuthority.Issuer), Limit);
        await Eventually.HoldsAsync(
            () => _cluster.ConfigureAsync("config-certmanager", ("issuerRef", "kind: ClusterIssuer\nname: acme")),
            Limit
        );
        await _cluster.ConfigureAsync(
            "config-network",
            ("autocreate-cluster-domain-claims", "true"),
            ("external-domain-tls", "Enabled"),
            ("http-protocol", "Redirected")
        );
        _authority = new AcmeAuthority(_cluster);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_authority is not null)
        {
            await _authority.DisposeAsync();
        }

        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
        }
    }

    private protected override Task<TestCluster> OpenAsync() => Task.FromResult(_cluster);

    [Test]
    public async Task A_Service_and_a_mapped_domain_get_their_certificates_though_plain_HTTP_is_redirected()
    {
        // Rejected until the webhook of the installed control plane is up.
        await EventuallyAsync(() => ApplyAsync(new ServiceManifest("secured") { Environment = [("TEXT", "the program")] }));
        await Cluster.WaitForReadyAsync(Namespace, "secured", Limit);
        await CheckAsync(HostOf("secured"));
        (await GetAsync(Resources.KnativeServices, "secured")).Status.Url.Should().Be($"https://{HostOf("secured")}");

        var domain = $"acme.{Namespace}.example.com";
        await Cluster.ApplyAsync(
            $$"""
            apiVersion: serving.knative.dev/v1beta1
            kind: DomainMapping
            metadata: {name: {{domain}}, namespace: {{Namespace}} }
            spec: {ref: {apiVersion: serving.knative.dev/v1, kind: Service, name: secured} }
            """
        );
        await EventuallyAsync(async () =>
            ConditionOf((await GetAsync(Resources.DomainMappings, domain)).Status, "Ready")
                .Should()
                .Match<Condition>(static ready => ready.Status == "True")
        );
        await CheckAsync(domain);
    }

    /// <summary>The domain was validated by the solver alone; now it is served by HTTPS, and the challenge is gone.</summary>
    private async Task CheckAsync(string host)
    {
        await EventuallyAsync(async () => (await CallByTlsAsync(host)).Should().Be((HttpStatusCode.OK, "the program")));
        _authority
            .Validations[host]
            .Should()
            .HaveCount(3)
            .And.OnlyContain(answer => answer.Status == HttpStatusCode.OK && answer.Body == AcmeAuthority.KeyOf(host));

        foreach (var path in (string[])["/", AcmeAuthority.PathOf(host), "/.well-known/acme-challenge/another"])
        {
            await EventuallyAsync(async () =>
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { Host = host } };
                using var response = await Cluster.Gateway.SendAsync(request);
                (response.StatusCode, response.Headers.Location)
                    .Should()
                    .Be((HttpStatusCode.MovedPermanently, new Uri($"https://{host}{path}")), "nothing is left of the challenge");
            });
        }
    }

    private async Task<(HttpStatusCode Status, string Body)> CallByTlsAsync(string host)
    {
        using var handler = Cluster.HandlerOfHttpsGateway();
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(_authority.Signer.Roots);
        handler.SslOptions.CertificateChainPolicy = policy;
        using var client = new HttpClient(handler);
        using var response = await client.GetAsync(new Uri($"https://{host}/"));
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }
}
