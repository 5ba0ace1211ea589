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
        certificates.Roots.Should().HaveCount(3, "a bundle that cannot be read leaves what it said last");

        PutBundle("bundle", two.Pem);
        PutBundle("bundle", two.Pem, labelled: false);
        certificates.Roots.Should().ContainSingle("its label was taken off");
    }

    [TestCase("deleted")]
    [TestCase("empty")]
    [TestCase("without its key")]
    [TestCase("with the key of another certificate")]
    [TestCase("with rubbish for an authority")]
    [TestCase("with nothing that can be read")]
    public async Task Whatever_becomes_of_the_Secret_its_last_certificate_and_authority_stay_until_there_is_a_new_one(string what)
    {
        var good = one.Secret(Namespace, SystemCertificates.SecretName, "kn-routing");
        cluster.Put(Resources.Secrets, good);
        var (served, trusted) = (certificates.Find(null), certificates.Roots);

        var other = two.Secret(Namespace, SystemCertificates.SecretName, "kn-routing");
        byte[] rubbish = "rubbish"u8.ToArray();
        switch (what)
        {
            case "deleted":
                await cluster.DeleteAsync(Resources.Secrets, Namespace, SystemCertificates.SecretName, CancellationToken.None);
                break;
            case "with rubbish for an authority":
                cluster.Put(Resources.Secrets, With(good, ("ca.crt", rubbish)));
                break;
            default:
                cluster.Put(Resources.Secrets, what switch
                {
                    "empty" => good with { Data = new Dictionary<string, byte[]>() },
                    "without its key" => other with { Data = other.Data!.Where(entry => entry.Key != "tls.key").ToDictionary() },
                    "with the key of another certificate" => With(other, ("tls.key", good.Data!["tls.key"])),
                    _ => With(other, ("tls.crt", rubbish), ("tls.key", rubbish), ("ca.crt", rubbish)),
                });
                certificates.Find(null).Should().BeSameAs(served);
                break;
        }

        certificates.Find(null).Should().NotBeNull();
        certificates.Roots.Should().BeSameAs(trusted, "connections that trust it are under way");

        cluster.Put(Resources.Secrets, other);
        certificates.Find(null).Should().NotBeNull().And.NotBeSameAs(served);
        certificates.Roots.Single().Subject.Should().Be("CN=two authority", "there is a new one");
    }

    [Test]
    public async Task A_bundle_that_is_deleted_is_not_trusted_any_more_unless_nothing_would_be()
    {
        PutBundle("first", one.Pem);
        PutBundle("second", two.Pem);

        await cluster.DeleteAsync(Resources.ConfigMaps, Namespace, "first", CancellationToken.None);
        certificates.Roots.Single().Subject.Should().Be("CN=two authority");

        await cluster.DeleteAsync(Resources.ConfigMaps, Namespace, "second", CancellationToken.None);
        certificates.Roots.Single().Subject.Should().Be("CN=two authority", "every connection would fail without any");

        PutBundle("first", one.Pem);
        certificates.Roots.Single().Subject.Should().Be("CN=one authority");
    }

    [Test]
    public void Keeps_the_same_authorities_while_they_say_the_same()
    {
        PutBundle("bundle", two.Pem);
        var before = certificates.Roots;

        PutBundle("bundle", two.Pem);

        certificates.Roots.Should().BeSameAs(before, "connections are shared by it");
    }

    private static Secret With(Secret secret, params (string Key, byte[] Value)[] entries)
    {
        var data = new Dictionary<string, byte[]>(secret.Data!);
        foreach (var (key, value) in entries)
        {
            data[key] = value;
        }

        return secret with { Data = data };
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
