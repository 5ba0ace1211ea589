using System.Text;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Certificates;
using Serving.Tests.Support;

namespace Serving.Tests.Certificates;

public sealed class SystemCertificatesTests
{
    private const string Namespace = "knative-serving";

    private readonly TestAuthority one = new("one");
    private readonly TestAuthority two = new("two");
    private InMemoryCluster cluster = null!;
    private SystemCertificates certificates = null!;

    [SetUp]
    public void SetUp()
    {
        cluster = new InMemoryCluster();
        certificates = new SystemCertificates(cluster, Namespace, NullLogger<SystemCertificates>.Instance);
    }

    [TearDown]
    public void TearDown() => certificates.Dispose();

    [OneTimeTearDown]
    public void OneTimeTearDown()
    {
        one.Dispose();
        two.Dispose();
    }

    [Test]
    public void Serves_and_trusts_nothing_until_there_is_something()
    {
        certificates.Find("any").Should().BeNull();
        certificates.Roots.Should().BeEmpty();

        cluster.Put(Resources.Secrets, new Secret { Metadata = new() { Namespace = Namespace, Name = SystemCertificates.SecretName } });
        certificates.Find("any").Should().BeNull("the Secret is there, and empty until its certificate is issued");

        cluster.Put(Resources.Secrets, one.Secret(Namespace, SystemCertificates.SecretName, "kn-routing"));
        certificates.Find("any").Should().NotBeNull();
        certificates.Roots.Should().ContainSingle();
    }

    [Test]
    public void A_renewed_certificate_is_used_at_once_and_one_that_cannot_be_read_leaves_the_last()
    {
        cluster.Put(Resources.Secrets, one.Secret(Namespace, SystemCertificates.SecretName, "kn-routing"));
        var first = certificates.Find(null);
        var secret = one.Secret(Namespace, SystemCertificates.SecretName, "kn-routing");

        cluster.Put(Resources.Secrets, secret);
        var second = certificates.Find(null);
        cluster.Put(Resources.Secrets, secret with { Data = new Dictionary<string, byte[]>(secret.Data!) { ["tls.key"] = Encoding.ASCII.GetBytes("none") } });

        second.Should().NotBeNull().And.NotBeSameAs(first);
        certificates.Find(null).Should().BeSameAs(second);
    }

    [Test]
    public void Trusts_the_bundles_that_are_labelled_besides_the_authority_of_the_Secret()
    {
        cluster.Put(Resources.Secrets, one.Secret(Namespace, SystemCertificates.SecretName, "kn-routing"));
        PutBundle("unlabelled", two.Pem, labelled: false);
        certificates.Roots.Should().ContainSingle();

        PutBundle("bundle", two.Pem + "\n" + one.Pem);
        certificates.Roots.Should().HaveCount(3);

        PutBundle("bundle", "rubbish");
        certificates.Roots.Should().ContainSingle("a bundle that cannot be read takes nothing from the others");

        PutBundle("bundle", two.Pem);
        PutBundle("bundle", two.Pem, labelled: false);
        certificates.Roots.Should().ContainSingle("its label was taken off");
    }

    [Test]
    public void Keeps_the_same_authorities_while_they_say_the_same()
    {
        PutBundle("bundle", two.Pem);
        var before = certificates.Roots;

        PutBundle("bundle", two.Pem);

        certificates.Roots.Should().BeSameAs(before, "connections are shared by it");
    }

    private void PutBundle(string name, string pem, bool labelled = true) => cluster.Put(Resources.ConfigMaps, new ConfigMap
    {
        Metadata = new()
        {
            Namespace = Namespace,
            Name = name,
            Labels = labelled ? new Dictionary<string, string> { ["networking.knative.dev/trust-bundle"] = "true" } : [],
        },
        Data = new Dictionary<string, string> { ["ca.pem"] = pem },
    });
}
