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

    private readonly TestAuthority _one = new("one");
    private readonly TestAuthority _two = new("two");
    private InMemoryCluster _cluster = null!;
    private SystemCertificates _certificates = null!;

    [SetUp]
    public void SetUp()
    {
        _cluster = new InMemoryCluster();
        _certificates = new SystemCertificates(_cluster, Namespace, NullLogger<SystemCertificates>.Instance);
    }

    [TearDown]
    public void TearDown() => _certificates.Dispose();

    [OneTimeTearDown]
    public void OneTimeTearDown()
    {
        _one.Dispose();
        _two.Dispose();
    }

    [Test]
    public void Serves_and_trusts_nothing_until_there_is_something()
    {
        _certificates.Find("any").Should().BeNull();
        _certificates.Roots.Should().BeEmpty();

        _cluster.Put(
            Resources.Secrets,
            new Secret
            {
                Metadata = new() { Namespace = Namespace, Name = SystemCertificates.SecretName },
            }
        );
        _certificates.Find("any").Should().BeNull("the Secret is there, and empty until its certificate is issued");

        _cluster.Put(Resources.Secrets, _one.Secret(Namespace, SystemCertificates.SecretName, "kn-routing"));
        _certificates.Find("any").Should().NotBeNull();
        _certificates.Roots.Should().ContainSingle();
    }

    [Test]
    public void A_renewed_certificate_is_used_at_once_and_one_that_cannot_be_read_leaves_the_last()
    {
        _cluster.Put(Resources.Secrets, _one.Secret(Namespace, SystemCertificates.SecretName, "kn-routing"));
        var first = _certificates.Find(null);
        var secret = _one.Secret(Namespace, SystemCertificates.SecretName, "kn-routing");

        _cluster.Put(Resources.Secrets, secret);
        var second = _certificates.Find(null);
        _cluster.Put(
            Resources.Secrets,
            secret with
            {
                Data = new Dictionary<string, byte[]>(secret.Data!) { ["tls.key"] = Encoding.ASCII.GetBytes("none") },
            }
        );

        second.Should().NotBeNull().And.NotBeSameAs(first);
        _certificates.Find(null).Should().BeSameAs(second);
    }

    [Test]
    public void Tells_when_the_served_certificate_expires_while_it_is_served()
    {
        using var collected = new CollectedMetrics(ServedCertificates.MeterName);
        const string Of =
            $"serving.certificate.expiration.timestamp{{purpose=system-internal,k8s.namespace.name={Namespace},k8s.secret.name={SystemCertificates.SecretName}}}";
        collected.Collect().Should().NotContainKey(Of);

        _cluster.Put(Resources.Secrets, _one.Secret(Namespace, SystemCertificates.SecretName, "kn-routing"));
        var expires = _certificates.Find(null)!.TargetCertificate.NotAfter.ToUniversalTime();
        collected.Collect().Should().Contain(Of, new DateTimeOffset(expires).ToUnixTimeSeconds());

        _certificates.Dispose();
        collected.Collect().Should().NotContainKey(Of);
    }

    [Test]
    public void Trusts_the_bundles_that_are_labelled_besides_the_authority_of_the_Secret()
    {
        _cluster.Put(Resources.Secrets, _one.Secret(Namespace, SystemCertificates.SecretName, "kn-routing"));
        PutBundle("unlabelled", _two.Pem, labelled: false);
        _certificates.Roots.Should().ContainSingle();

        PutBundle("bundle", _two.Pem + "\n" + _one.Pem);
        _certificates.Roots.Should().HaveCount(3);

        PutBundle("bundle", "rubbish");
        _certificates.Roots.Should().HaveCount(3, "a bundle that cannot be read leaves what it said last");

        PutBundle("bundle", _two.Pem);
        PutBundle("bundle", _two.Pem, labelled: false);
        _certificates.Roots.Should().ContainSingle("its label was taken off");
    }

    [TestCase("deleted")]
    [TestCase("empty")]
    [TestCase("without its key")]
    [TestCase("with the key of another certificate")]
    [TestCase("with rubbish for an authority")]
    [TestCase("with nothing that can be read")]
    public async Task Whatever_becomes_of_the_Secret_its_last_certificate_and_authority_stay_until_there_is_a_new_one(string what)
    {
        var good = _one.Secret(Namespace, SystemCertificates.SecretName, "kn-routing");
        _cluster.Put(Resources.Secrets, good);
        var (served, trusted) = (_certificates.Find(null), _certificates.Roots);

        var other = _two.Secret(Namespace, SystemCertificates.SecretName, "kn-routing");
        byte[] rubbish = "rubbish"u8.ToArray();
        switch (what)
        {
            case "deleted":
                await _cluster.DeleteAsync(Resources.Secrets, Namespace, SystemCertificates.SecretName, CancellationToken.None);
                break;
            case "with rubbish for an authority":
                _cluster.Put(Resources.Secrets, With(good, ("ca.crt", rubbish)));
                break;
            default:
                _cluster.Put(
                    Resources.Secrets,
                    what switch
                    {
                        "empty" => good with { Data = new Dictionary<string, byte[]>() },
                        "without its key" => other with { Data = other.Data!.Where(entry => entry.Key != "tls.key").ToDictionary() },
                        "with the key of another certificate" => With(other, ("tls.key", good.Data!["tls.key"])),
                        _ => With(other, ("tls.crt", rubbish), ("tls.key", rubbish), ("ca.crt", rubbish)),
                    }
                );
                _certificates.Find(null).Should().BeSameAs(served);
                break;
        }

        _certificates.Find(null).Should().NotBeNull();
        _certificates.Roots.Should().BeSameAs(trusted, "connections that trust it are under way");

        _cluster.Put(Resources.Secrets, other);
        _certificates.Find(null).Should().NotBeNull().And.NotBeSameAs(served);
        _certificates.Roots.Single().Subject.Should().Be("CN=two authority", "there is a new one");
    }

    [Test]
    public async Task A_bundle_that_is_deleted_is_not_trusted_any_more_unless_nothing_would_be()
    {
        PutBundle("first", _one.Pem);
        PutBundle("second", _two.Pem);

        await _cluster.DeleteAsync(Resources.ConfigMaps, Namespace, "first", CancellationToken.None);
        _certificates.Roots.Single().Subject.Should().Be("CN=two authority");

        await _cluster.DeleteAsync(Resources.ConfigMaps, Namespace, "second", CancellationToken.None);
        _certificates.Roots.Single().Subject.Should().Be("CN=two authority", "every connection would fail without any");

        PutBundle("first", _one.Pem);
        _certificates.Roots.Single().Subject.Should().Be("CN=one authority");
    }

    [Test]
    public void Keeps_the_same_authorities_while_they_say_the_same()
    {
        PutBundle("bundle", _two.Pem);
        var before = _certificates.Roots;

        PutBundle("bundle", _two.Pem);

        _certificates.Roots.Should().BeSameAs(before, "connections are shared by it");
    }

    private static Secret With(Secret secret, params (string Key, byte[] Value)[] entries)
    {
        var data = new Dictionary<string, byte[]>(secret.Data!);
        foreach (var (key, value) in entries)
        {
            data[key] = value;
        }

        return secret with
        {
            Data = data,
        };
    }

    private void PutBundle(string name, string pem, bool labelled = true) =>
        _cluster.Put(
            Resources.ConfigMaps,
            new ConfigMap
            {
                Metadata = new()
                {
                    Namespace = Namespace,
                    Name = name,
                    Labels = labelled ? new Dictionary<string, string> { ["networking.knative.dev/trust-bundle"] = "true" } : [],
                },
                Data = new Dictionary<string, string> { ["ca.pem"] = pem },
            }
        );
}
