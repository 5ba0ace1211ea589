using System.Net.Security;
using System.Runtime.Versioning;
using FluentAssertions;
using Microsoft.Extensions.Logging;
using NSubstitute;
using NUnit.Framework;
using Serving.Controller.Revisions.Digests;

namespace Serving.Tests.Controller.Digests;

[Category("Slow")]
[Parallelizable]
public sealed class RegistryDigestsTests
{
    private const string Image = "registry.example.com/team/app:1";

    private DigestWorld _world = null!;

    [SetUp]
    public async Task SetUp() => _world = await DigestWorld.StartAsync();

    [TearDown]
    public async Task TearDown() => await _world.DisposeAsync();

    [Test]
    public async Task A_tag_becomes_the_digest_of_the_index_with_one_request()
    {
        var resolved = await _world.ResolveAsync(Image);

        resolved.Should().Be($"registry.example.com/team/app@{TestRegistry.Digest}");
        var request = _world.Registry.Requests.Should().ContainSingle().Subject;
        request
            .Should()
            .BeEquivalentTo(
                new
                {
                    Method = "HEAD",
                    Host = "registry.example.com",
                    Path = "/v2/team/app/manifests/1",
                    Authorization = (string?)null,
                }
            );
        request.Accept.Should().Contain(TestRegistry.IndexType).And.Contain("application/vnd.docker.distribution.manifest.v2+json");
        request.UserAgent.Should().StartWith("knative/").And.EndWith(" (serving)");
    }

    [TestCase("busybox")]
    [TestCase("library/busybox:latest")]
    [TestCase("docker.io/library/busybox")]
    [TestCase("index.docker.io/busybox")]
    public async Task Names_without_a_host_are_on_Docker_Hub(string image)
    {
        (await _world.ResolveAsync(image)).Should().Be($"index.docker.io/library/busybox@{TestRegistry.Digest}");
        _world.Registry.Requests.Single().Host.Should().Be("index.docker.io");
    }

    [Test]
    public async Task A_digest_is_left_as_it_is_written()
    {
        var image = $"registry.example.com/team/app:1@{TestRegistry.Digest}";

        (await _world.ResolveAsync(image)).Should().Be(image);
        _world.Registry.Requests.Should().BeEmpty();
    }

    [TestCase("dev.local/team/app:1")]
    [TestCase("mine.example.com:5000/team/app:1")]
    public async Task Registries_to_skip_are_not_asked(string image)
    {
        _world.Skipped.Add("mine.example.com:5000");

        (await _world.ResolveAsync(image)).Should().BeEmpty();
        _world.Registry.Requests.Should().BeEmpty();
    }

    [TestCase(true, false)]
    [TestCase(false, true)]
    [TestCase(false, false)]
    public async Task What_HEAD_does_not_say_GET_does(bool knowsHead, bool saysDigest)
    {
        _world.Registry.KnowsHead = knowsHead;
        _world.Registry.SaysDigest = saysDigest;

        (await _world.ResolveAsync(Image)).Should().EndWith(TestRegistry.Digest);
        _world.Registry.Requests.Select(request => request.Method).Should().Equal("HEAD", "GET");
    }

    [Test]
    public async Task A_registry_without_TLS_is_asked_on_this_machine_only()
    {
        await using var plain = await TestRegistry.StartAsync();
        using var http = new HttpClient(RegistryTrust.CreateHandler(environment: static _ => null));

        var resolved = await _world
            .Resolver(http)
            .ResolveAsync(_world.Request($"127.0.0.1:{plain.Port}/team/app:1"), CancellationToken.None);

        resolved.Should().Be($"127.0.0.1:{plain.Port}/team/app@{TestRegistry.Digest}");
    }

    [TestCase("gcr.io/x/y", false)]
    [TestCase("8.8.8.8:5000/x/y", false)]
    [TestCase("localhost:5000/x/y", true)]
    [TestCase("10.1.2.3:5000/x/y", true)]
    [TestCase("registry.local/x/y", true)]
    [TestCase("[::1]:5000/x/y", true)]
    public void Plain_HTTP_is_for_near_registries(string image, bool allowed) =>
        ImageReference.Parse(image).AllowsPlainHttp.Should().Be(allowed);

    [Test]
    public async Task An_unknown_authority_is_refused()
    {
        using var other = new TestAuthority();
        using var http = _world.Registry.Connect(RegistryTrust.CreateHandler(other.File, static _ => null));

        var resolving = () => _world.Resolver(http).ResolveAsync(_world.Request(Image), CancellationToken.None).AsTask();

        (await resolving.Should().ThrowAsync<DigestException>()).WithMessage(
            $"Unable to fetch image \"{Image}\": failed to resolve image to digest: Get \"https://registry.example.com/v2/\": *certificate*"
        );
        _world.Registry.Requests.Should().BeEmpty();
    }

    [TestCase(
        404,
        """{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry"}]}""",
        "NAME_UNKNOWN: repository name not known to registry"
    )]
    [TestCase(
        403,
        """{"errors":[{"code":"DENIED","message":"access forbidden","detail":{"a":1}}]}""",
        "DENIED: access forbidden; {\"a\":1}"
    )]
    [TestCase(429, """{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}""", "TOOMANYREQUESTS: slow down")]
    [TestCase(404, """{"errors":[{"code":"A","message":"a"},{"code":"B","message":"b"}]}""", "multiple errors returned: A: a; B: b")]
    [TestCase(403, "", "unexpected status code 403 Forbidden")]
    [TestCase(404, "<html>no</html>", "unexpected status code 404 Not Found: <html>no</html>")]
    [TestCase(500, "broken", "unexpected status code 500 Internal Server Error: broken")]
    public async Task A_refusal_is_passed_on_in_the_registrys_words(int code, string body, string words)
    {
        _world.Registry.Instead = async (context, _) =>
        {
            await TestRegistry.Answer(context, code, body);
            return true;
        };

        var resolving = () => _world.ResolveAsync(Image);

        (await resolving.Should().ThrowAsync<DigestException>())
            .Which.Message.Should()
            .Be(
                $"Unable to fetch image \"{Image}\": failed to resolve image to digest: GET https://registry.example.com/v2/team/app/manifests/1: {words}"
            );
    }

    [Test]
    public async Task A_tag_that_is_not_there_is_said_to_be_unknown()
    {
        var resolving = () => _world.ResolveAsync("registry.example.com/team/app:9");

        (await resolving.Should().ThrowAsync<DigestException>())
            .Which.Message.Should()
            .EndWith("MANIFEST_UNKNOWN: manifest unknown; {\"Tag\":\"9\"}");
    }

    [Test]
    public async Task A_registry_that_recovers_within_the_moment_is_asked_again()
    {
        _world.Registry.Instead = async (context, _) =>
        {
            if (_world.Registry.Requests.Count > 2)
            {
                return false;
            }

            await TestRegistry.Answer(context, 503);
            return true;
        };

        (await _world.ResolveAsync(Image)).Should().EndWith(TestRegistry.Digest);
        _world.Registry.Requests.Should().HaveCount(3);
    }

    [Test]
    public async Task A_slow_registry_costs_no_more_than_the_timeout()
    {
        _world.Timeout = TimeSpan.FromMilliseconds(200);
        _world.Registry.Instead = async (context, _) =>
        {
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(static _ => { }, TaskScheduler.Default);
            return true;
        };

        var resolving = () => _world.ResolveAsync(Image);

        (await resolving.Should().ThrowAsync<DigestException>()).WithMessage("*context deadline exceeded");
    }

    [Test]
    public async Task Giving_up_is_no_failure_of_the_image()
    {
        using var cancel = new CancellationTokenSource();
        _world.Registry.Instead = async (context, _) =>
        {
            await cancel.CancelAsync();
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(static _ => { }, TaskScheduler.Default);
            return true;
        };

        var resolving = () => _world.ResolveAsync(Image, cancel.Token);

        await resolving.Should().ThrowAsync<OperationCanceledException>();
    }

    [TestCase("registry.example.com/Team/app:1", "repository can only contain the characters")]
    [TestCase("registry.example.com/team/app:a b", "tag can only contain the characters")]
    [TestCase("x", "repository must be between 2 and 255 characters in length: x")]
    [TestCase("team/app@sha1:abc", "unsupported digest")]
    [TestCase("bad host.com/team/app", "registries must be valid RFC 3986 URI authorities: bad host.com")]
    public async Task A_name_that_is_none_is_refused_without_asking(string image, string words)
    {
        var resolving = () => _world.ResolveAsync(image);

        (await resolving.Should().ThrowAsync<DigestException>()).Which.Message.Should().Contain(words);
    }

    [TestCase("1.2", null, true)]
    [TestCase(null, null, false)]
    [TestCase("1.2", "1.2", true)]
    public void TLS_versions_come_from_the_environment(string? least, string? most, bool allows12)
    {
        using var handler = RegistryTrust.CreateHandler(
            "/none",
            name =>
                name switch
                {
                    "TAG_TO_DIGEST_TLS_MIN_VERSION" => least,
                    "TAG_TO_DIGEST_TLS_MAX_VERSION" => most,
                    _ => null,
                }
        );

        handler.SslOptions.EnabledSslProtocols.HasFlag(System.Security.Authentication.SslProtocols.Tls12).Should().Be(allows12);
        handler.SslOptions.EnabledSslProtocols.HasFlag(System.Security.Authentication.SslProtocols.Tls13).Should().Be(most is null);
    }

    [Test]
    public void An_unknown_TLS_version_is_refused()
    {
        var creating = () => RegistryTrust.CreateHandler("/none", static _ => "1.1");

        creating.Should().Throw<FormatException>().WithMessage("invalid TAG_TO_DIGEST_TLS_MIN_VERSION \"1.1\": *");
    }

    [Test]
    [SupportedOSPlatform("linux")]
    public void Cipher_suites_of_the_environment_are_kept_beside_those_of_TLS_13()
    {
        using var handler = RegistryTrust.CreateHandler(
            "/none",
            static name =>
                name == "TAG_TO_DIGEST_TLS_CIPHER_SUITES"
                    ? "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,"
                    : null
        );

        handler
            .SslOptions.CipherSuitesPolicy!.AllowedCipherSuites.Should()
            .BeEquivalentTo(
                new[]
                {
                    TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                    TlsCipherSuite.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
                    TlsCipherSuite.TLS_AES_128_GCM_SHA256,
                    TlsCipherSuite.TLS_AES_256_GCM_SHA384,
                    TlsCipherSuite.TLS_CHACHA20_POLY1305_SHA256,
                }
            );
    }

    [TestCase(
        "TAG_TO_DIGEST_TLS_CIPHER_SUITES",
        "TLS_RSA_WITH_RC4_128_SHA",
        "invalid TAG_TO_DIGEST_TLS_CIPHER_SUITES: unknown cipher suite \"TLS_RSA_WITH_RC4_128_SHA\""
    )]
    [TestCase("TAG_TO_DIGEST_TLS_CURVE_PREFERENCES", "curve1", "invalid TAG_TO_DIGEST_TLS_CURVE_PREFERENCES: unknown curve \"curve1\"")]
    public void What_the_environment_says_that_cannot_be_is_refused(string variable, string value, string message)
    {
        var creating = () => RegistryTrust.CreateHandler("/none", name => name == variable ? value : null);

        creating.Should().Throw<FormatException>().WithMessage(message);
    }

    [Test]
    public void Curves_that_cannot_be_kept_are_said_in_one_line()
    {
        var logger = Substitute.For<ILogger>();

        using var handler = RegistryTrust.CreateHandler(
            "/none",
            static name => name == "TAG_TO_DIGEST_TLS_CURVE_PREFERENCES" ? "X25519,CurveP256" : null,
            logger
        );

        logger
            .ReceivedCalls()
            .Where(call => call.GetMethodInfo().Name == nameof(ILogger.Log))
            .Should()
            .ContainSingle()
            .Which.GetArguments()[2]!
            .ToString()
            .Should()
            .Be(
                "TAG_TO_DIGEST_TLS_CURVE_PREFERENCES cannot be kept, OpenSSL's own groups are used: set them in its configuration file (OPENSSL_CONF) instead"
            );
    }
}
