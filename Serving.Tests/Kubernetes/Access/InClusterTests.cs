using System.Net;
using System.Reflection;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;

namespace Serving.Tests.Kubernetes.Access;

/// <summary>In a pod: the package reads the service account from a folder that no setting names, so the tests put another in its
/// place.</summary>
[NonParallelizable]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class InClusterTests
{
    private static readonly FieldInfo Place = typeof(k8s.KubernetesClientConfiguration).GetField(
        "ServiceAccountPath",
        BindingFlags.Static | BindingFlags.NonPublic
    )!;
    private static readonly string[] Variables = ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"];
    private readonly string _folder = Directory.CreateTempSubdirectory("account").FullName;
    private readonly object _place = Place.GetValue(null)!;

    [SetUp]
    public void SetUp() => Place.SetValue(null, _folder);

    [TearDown]
    public void TearDown()
    {
        Place.SetValue(null, _place);
        Array.ForEach(Variables, name => Environment.SetEnvironmentVariable(name, null));
        Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public async Task A_pod_uses_its_service_account_and_takes_a_token_that_is_rotated()
    {
        using var key = ECDsa.Create();
        using var certificate = SelfSigned(key);
        await using var server = await FakeApiServer.StartAsync(certificate);
        Put("ca.crt", certificate.ExportCertificatePem());
        Put("namespace", "mine");
        Put("token", "first\n");
        Serve(server.Address);
        var access = ClusterAccess.InCluster(_folder);
        using var client = new ClusterClient(access, new ClusterClientOptions { Attempts = 1 });
        var get = () => client.GetAsync(Resources.ConfigMaps, "a", "x", CancellationToken.None);
        await get.Should().NotThrowAsync();

        server.Handler = (context, _) =>
            context.Request.Headers.Authorization == "Bearer second"
                ? FakeApiServer.Json(context, "{}")
                : FakeApiServer.Fail(context, 401, "Unauthorized");
        Put("token", "second\n");
        await get.Should().NotThrowAsync("a token that is refused is read again at once");

        File.Delete(Path.Combine(_folder, "token"));
        await get.Should().NotThrowAsync("the token before is good while its file is replaced");
        access.Configuration.Namespace.Should().Be("mine");
        server
            .Requests.Select(request => request.Authorization)
            .Should()
            .Equal("Bearer first", "Bearer first", "Bearer second", "Bearer second");
    }

    [Test]
    public void A_service_account_without_an_authority_is_refused()
    {
        Put("ca.crt", "none");
        Put("token", "t");
        Serve(new Uri("https://127.0.0.1:6443"));

        FluentActions
            .Invoking(() => ClusterAccess.InCluster(_folder))
            .Should()
            .Throw<KubernetesConfigurationException>()
            .Which.Message.Should()
            .StartWith(Path.Combine(_folder, "ca.crt"));
    }

    [Test]
    public void A_pod_without_a_service_account_says_what_to_mount()
    {
        Serve(new Uri("https://127.0.0.1:6443"));

        FluentActions
            .Invoking(() => ClusterAccess.InCluster(_folder))
            .Should()
            .Throw<KubernetesConfigurationException>()
            .Which.Message.Should()
            .StartWith(_folder)
            .And.Contain("automountServiceAccountToken");
    }

    private static void Serve(Uri server)
    {
        Environment.SetEnvironmentVariable(Variables[0], server.Host);
        Environment.SetEnvironmentVariable(Variables[1], $"{server.Port}");
    }

    private static X509Certificate2 SelfSigned(ECDsa key)
    {
        var request = new CertificateRequest("CN=test", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1));
    }

    private void Put(string name, string text) => File.WriteAllText(Path.Combine(_folder, name), text);
}
