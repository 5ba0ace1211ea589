using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Certificates;
using Serving.Host.Composition;
using Serving.Tests.Support;

namespace Serving.Tests.Host;

public sealed class SidecarCertificatesTests
{
    private static readonly DateTimeOffset Expires = new(2031, 5, 6, 7, 8, 9, TimeSpan.Zero);

    [Test]
    public async Task Tells_when_the_certificates_of_queue_proxies_expire()
    {
        var cluster = new InMemoryCluster();
        using var collected = new CollectedMetrics(ServedCertificates.MeterName);
        var exported = new SidecarCertificates(cluster);
        await exported.StartAsync(default);
        cluster.Put(Resources.Certificates, Of("ns-1", "serving-certs", Expires));
        cluster.Put(Resources.Certificates, Of("ns-2", "serving-certs", null));
        cluster.Put(Resources.Certificates, Of("ns-1", "route-of-a-domain", Expires));

        collected
            .Collect()
            .Should()
            .Contain(Series("ns-1"), Expires.ToUnixTimeSeconds())
            .And.NotContainKey(Series("ns-2"), "it has not been issued")
            .And.NotContainKey(Series("ns-1").Replace("serving-certs", "route-of-a-domain", StringComparison.Ordinal));

        await exported.StopAsync(default);
        collected.Collect().Should().NotContainKey(Series("ns-1"));
    }

    private static string Series(string ns) =>
        $"serving.certificate.expiration.timestamp{{purpose=queue-proxy,k8s.namespace.name={ns},k8s.secret.name=serving-certs}}";

    private static Certificate Of(string ns, string name, DateTimeOffset? expires) =>
        new()
        {
            Metadata = new ObjectMeta { Namespace = ns, Name = name },
            Spec = new CertificateSpec { DnsNames = ["name"], SecretName = name },
            Status = new CertificateStatus { NotAfter = expires },
        };
}
