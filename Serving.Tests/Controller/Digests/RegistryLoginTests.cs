using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Controller.Revisions.Digests;
using Serving.Controller.Revisions.Digests.Identities;
using Serving.Kubernetes.Client;

namespace Serving.Tests.Controller.Digests;

public sealed class RegistryLoginTests
{
    private const string Image = "registry.example.com/team/app:1";
    private const string Login = """{"username":"user","password":"secret"}""";

    private DigestWorld _world = null!;

    [SetUp]
    public async Task SetUp()
    {
        _world = await DigestWorld.StartAsync();
        _world.Registry.Challenge = "Basic";
    }

    [TearDown]
    public async Task TearDown() => await _world.DisposeAsync();

    [Test]
    public async Task Public_images_need_a_token_but_no_login()
    {
        _world.Registry.Challenge = "Bearer";
        _world.Registry.AnonymousTokens = true;

        (await _world.ResolveAsync()).Should().EndWith(TestRegistry.Digest);
        _world
            .Registry.Requests.Select(request => $"{request.Method} {request.Path} {request.Authorization}")
            .Should()
            .Equal("HEAD /v2/team/app/manifests/1 ", "GET /token ", "HEAD /v2/team/app/manifests/1 Bearer granted");
        _world.Registry.Requests.ElementAt(1).Query.Should().Be("?scope=repository:team/app:pull&service=registry.example.com");
    }

    [Test]
    public async Task A_login_is_exchanged_for_a_token()
    {
        _world.Registry.Challenge = "Bearer";
        UseSecret("registry.example.com", Login);

        (await _world.ResolveAsync()).Should().EndWith(TestRegistry.Digest);
        _world.Registry.Requests.First().Authorization.Should().BeNull("a registry that has not asked is shown nothing");
    }

    [Test]
    public async Task An_identity_token_is_exchanged_with_OAuth2()
    {
        _world.Registry.Challenge = "Bearer";
        _world.Registry.IdentityToken = "identity";
        UseSecret("registry.example.com", """{"identitytoken":"identity"}""");

        (await _world.ResolveAsync()).Should().EndWith(TestRegistry.Digest);
        _world
            .Registry.Requests.Single(request => request.Path == "/token")
            .Body.Should()
            .Contain("grant_type=refresh_token")
            .And.Contain("service=registry.example.com");
    }

    [Test]
    public async Task A_token_service_without_OAuth2_is_asked_the_older_way()
    {
        _world.Registry.Challenge = "Bearer";
        UseSecret("registry.example.com", """{"username":"user","password":"secret","identitytoken":"identity"}""");

        (await _world.ResolveAsync()).Should().EndWith(TestRegistry.Digest);
        _world.Registry.Requests.Where(request => request.Path == "/token").Select(request => request.Method).Should().Equal("POST", "GET");
    }

    [Test]
    public async Task A_registry_token_is_shown_to_the_registry_itself()
    {
        _world.Registry.Challenge = "Bearer";
        UseSecret("registry.example.com", """{"registrytoken":"granted"}""");

        (await _world.ResolveAsync()).Should().EndWith(TestRegistry.Digest);
        _world.Registry.Requests.Should().NotContain(request => request.Path == "/token");
    }

    [Test]
    public async Task A_wrong_login_is_refused_in_the_registrys_words()
    {
        _world.Registry.Challenge = "Bearer";
        UseSecret("registry.example.com", """{"username":"user","password":"wrong"}""");

        var resolving = () => _world.ResolveAsync();

        (await resolving.Should().ThrowAsync<DigestException>())
            .Which.Message.Should()
            .Be(
                $"Unable to fetch image \"{Image}\": failed to resolve image to digest: GET https://registry.example.com/token: UNAUTHORIZED: authentication required"
            );
    }

    [TestCase("registry.example.com")]
    [TestCase("https://registry.example.com")]
    [TestCase("https://registry.example.com/v1/")]
    [TestCase("https://registry.example.com/v2/")]
    [TestCase("registry.example.com/team")]
    [TestCase("*.example.com")]
    [TestCase("regist*.example.com")]
    [TestCase("*.*.com")]
    public async Task A_pull_secret_names_the_registry_in_many_ways(string host)
    {
        UseSecret(host, Login);

        (await _world.ResolveAsync()).Should().EndWith(TestRegistry.Digest);
    }

    [TestCase("*.com")]
    [TestCase("registry.example.com:5000")]
    [TestCase("registry.example.com/other")]
    [TestCase("other.example.com")]
    public async Task Logins_of_other_registries_are_not_shown(string host)
    {
        UseSecret(host, Login);

        var resolving = () => _world.ResolveAsync();

        await resolving.Should().ThrowAsync<DigestException>().WithMessage("*UNAUTHORIZED*");
        _world.Registry.Requests.Should().OnlyContain(request => request.Authorization == null);
    }

    [TestCase("https://index.docker.io/v1/")]
    [TestCase("docker.io")]
    [TestCase("registry-1.docker.io")]
    public async Task Docker_Hub_has_many_names(string host)
    {
        UseSecret(host, Login);

        (await _world.ResolveAsync("busybox")).Should().EndWith(TestRegistry.Digest);
    }

    [TestCase("dXNlcjpzZWNyZXQ=")]
    [TestCase("dXNlcjpzZWNyZXQ")]
    public async Task A_login_may_be_encoded(string auth)
    {
        UseSecret("registry.example.com", $$"""{"auth":"{{auth}}"}""");

        (await _world.ResolveAsync()).Should().EndWith(TestRegistry.Digest);
    }

    [Test]
    public async Task The_older_format_has_logins_at_its_top()
    {
        _world.PutSecret("pull", "kubernetes.io/dockercfg", ".dockercfg", $"{{\"https://registry.example.com\":{Login}}}");
        _world.PullSecrets.Add("pull");

        (await _world.ResolveAsync()).Should().EndWith(TestRegistry.Digest);
    }

    [Test]
    public async Task The_most_specific_login_counts()
    {
        _world.PutSecret(
            "pull",
            "kubernetes.io/dockerconfigjson",
            ".dockerconfigjson",
            $$$"""
            {"auths":{"*.example.com":{"username":"user","password":"x"},"registry.example.com":{"username":"user","password":"y"},"registry.example.com/team":{{{Login}}} }}
            """
        );
        _world.PullSecrets.Add("pull");

        (await _world.ResolveAsync()).Should().EndWith(TestRegistry.Digest);
    }

    [TestCase("")]
    [TestCase("builder")]
    public async Task The_service_accounts_secrets_count_too(string account)
    {
        _world.PutDockerConfig("of-account", "registry.example.com", Login);
        _world.Cluster.Put(
            Resources.ServiceAccounts,
            new ServiceAccount
            {
                ApiVersion = "v1",
                Kind = "ServiceAccount",
                Metadata = new ObjectMeta { Name = account.Length > 0 ? account : "default", Namespace = Samples.Namespace },
                ImagePullSecrets = [new LocalObjectReference { Name = "of-account" }],
            }
        );

        (await _world.Resolver().ResolveAsync(_world.Request(Image, account), CancellationToken.None))
            .Should()
            .EndWith(TestRegistry.Digest);
    }

    [Test]
    public async Task A_secret_that_does_not_exist_or_is_of_another_type_is_passed_over()
    {
        _world.PutSecret("opaque", "Opaque", ".dockerconfigjson", "not read");
        _world.PutDockerConfig("pull", "registry.example.com", Login);
        _world.PullSecrets.AddRange(["gone", "opaque", "pull"]);

        (await _world.ResolveAsync()).Should().EndWith(TestRegistry.Digest);
    }

    [TestCase("not json")]
    [TestCase("""{"auths":{"registry.example.com":{"auth":"%%%"}}}""")]
    [TestCase("""{"auths":{"registry.example.com":{"auth":"bm9jb2xvbg=="}}}""")]
    public async Task A_secret_that_cannot_be_read_is_said_by_name_and_not_by_content(string content)
    {
        _world.PutSecret("pull", "kubernetes.io/dockerconfigjson", ".dockerconfigjson", content);
        _world.PullSecrets.Add("pull");

        var resolving = () => _world.ResolveAsync();

        var message = (await resolving.Should().ThrowAsync<DigestException>()).Which.Message;
        message.Should().Contain("failed to initialize authentication: secret \"pull\":").And.NotContain("bm9jb2xvbg");
    }

    [Test]
    public async Task Secrets_that_may_not_be_read_are_said()
    {
        _world.PullSecrets.Add("pull");
        _world.Cluster.FailNext(
            static request => request.Plural == "secrets",
            new KubernetesException(
                "get secrets default/pull",
                new Status
                {
                    Code = 403,
                    Reason = "Forbidden",
                    Message = "secrets \"pull\" is forbidden",
                }
            )
        );

        var resolving = () => _world.ResolveAsync();

        await resolving.Should().ThrowAsync<DigestException>().WithMessage("*failed to initialize authentication: *forbidden*");
    }

    [TestCase("""{"username":"user","password":"secret"}""")]
    [TestCase("""{"identitytoken":"identity"}""")]
    public async Task A_login_is_not_sent_over_plain_HTTP_for_a_registry_with_TLS(string login)
    {
        await using var thief = await TestRegistry.StartAsync();
        _world.Registry.Challenge = "Bearer";
        _world.Registry.Realm = $"http://127.0.0.1:{thief.Port}/token";
        UseSecret("registry.example.com", login);

        var resolving = () => _world.ResolveAsync();

        await resolving
            .Should()
            .ThrowAsync<DigestException>()
            .WithMessage($"*http://127.0.0.1:{thief.Port}/token: the registry wants a login to be sent over plain HTTP*");
        thief.Requests.Should().BeEmpty();
    }

    [Test]
    public async Task A_registry_without_TLS_gets_its_login_as_it_is_asked()
    {
        await using var plain = await TestRegistry.StartAsync();
        plain.Challenge = "Bearer";
        using var http = new HttpClient(RegistryTrust.CreateHandler(environment: static _ => null));
        UseSecret($"127.0.0.1:{plain.Port}", Login);

        (await _world.Resolver(http).ResolveAsync(_world.Request($"127.0.0.1:{plain.Port}/team/app:1"), CancellationToken.None))
            .Should()
            .EndWith(TestRegistry.Digest);
    }

    [TestCase("DOCKER_CONFIG", "config.json")]
    [TestCase("HOME", ".docker/config.json")]
    [TestCase("REGISTRY_AUTH_FILE", null)]
    [TestCase("XDG_RUNTIME_DIR", "containers/auth.json")]
    public async Task The_process_has_logins_in_a_docker_configuration(string variable, string? file)
    {
        using var folder = new Folder();
        var path = folder.Write(file ?? "auth.json", $$$"""{"auths":{"registry.example.com":{{{Login}}}},"credsStore":"desktop"}""");
        _world.Variables[variable] = file is null ? path : folder.Path;

        (await _world.ResolveAsync()).Should().EndWith(TestRegistry.Digest);
    }

    [Test]
    public async Task Pull_secrets_come_before_the_logins_of_the_process_and_those_before_the_cloud()
    {
        using var folder = new Folder();
        folder.Write("config.json", $$$"""{"auths":{"registry.example.com":{{{Login}}}}}""");
        _world.Variables["DOCKER_CONFIG"] = folder.Path;
        var cloud = new Cloud();
        _world.Identities = [cloud];

        (await _world.ResolveAsync()).Should().EndWith(TestRegistry.Digest);
        cloud.Asked.Should().BeFalse();

        folder.Write("config.json", """{"auths":{"registry.example.com":{"username":"user","password":"wrong"}}}""");
        UseSecret("registry.example.com", Login);
        (await _world.ResolveAsync()).Should().EndWith(TestRegistry.Digest);
    }

    [TestCase("not json", "docker configuration: *")]
    [TestCase("""{"auths":{"registry.example.com":{"auth":"bm9jb2xvbg=="}}}""", "*unable to decode auth field*")]
    public async Task A_docker_configuration_that_cannot_be_read_is_said(string content, string reason)
    {
        using var folder = new Folder();
        folder.Write("config.json", content);
        _world.Variables["DOCKER_CONFIG"] = folder.Path;

        var resolving = () => _world.ResolveAsync();

        (await resolving.Should().ThrowAsync<DigestException>().WithMessage($"*failed to initialize authentication: {reason}"))
            .Which.Message.Should()
            .NotContain("bm9jb2xvbg");
    }

    [Test]
    public void A_credential_does_not_show_its_secret() =>
        new RegistryCredential("user", "secret", "identity", "token").ToString().Should().Be("credential of \"user\"");

    private void UseSecret(string host, string login)
    {
        _world.PutDockerConfig("pull", host, login);
        _world.PullSecrets.Add("pull");
    }

    private sealed class Cloud : IRegistryIdentity
    {
        public bool Asked { get; private set; }

        public string Name => "cloud";

        public bool Recognises(string registry) => true;

        public ValueTask<RegistryCredential?> CredentialAsync(string registry, CancellationToken cancellation)
        {
            Asked = true;
            return ValueTask.FromResult<RegistryCredential?>(null);
        }
    }

    private sealed class Folder : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("docker-config-").FullName;

        public string Write(string file, string content)
        {
            var path = System.IO.Path.Combine(Path, file);
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
            File.WriteAllText(path, content);
            return path;
        }

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
