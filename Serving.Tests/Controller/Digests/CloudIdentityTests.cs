using System.Text;
using FluentAssertions;
using NUnit.Framework;
using Serving.Controller.Revisions.Digests;
using Serving.Controller.Revisions.Digests.Identities;
using Serving.Tests.Support;

namespace Serving.Tests.Controller.Digests;

public sealed class CloudIdentityTests
{
    private readonly Dictionary<string, string> _environment = [];
    private readonly List<string> _asked = [];
    private ManualTimeProvider _time = null!;
    private TestRegistry _cloud = null!;
    private HttpClient _http = null!;
    private Dictionary<string, Func<TestRegistry.Seen, string>> _answers = null!;

    [SetUp]
    public async Task SetUp()
    {
        _environment.Clear();
        _asked.Clear();
        _answers = [];
        _time = new ManualTimeProvider();
        _cloud = await TestRegistry.StartAsync();
        _cloud.Instead = async (context, seen) =>
        {
            _asked.Add($"{seen.Method} {seen.Path}");
            var known = _answers.TryGetValue($"{seen.Method} {seen.Path}", out var answer);
            await TestRegistry.Answer(context, known ? 200 : 404, known ? answer!(seen) : "");
            return true;
        };
        _http = new HttpClient();
    }

    [TearDown]
    public async Task TearDown()
    {
        _http.Dispose();
        await _cloud.DisposeAsync();
    }

    [TestCase("gcr.io", "google")]
    [TestCase("eu.gcr.io", "google")]
    [TestCase("europe-docker.pkg.dev", "google")]
    [TestCase("mine.azurecr.io", "azure")]
    [TestCase("mine.azurecr.cn", "azure")]
    [TestCase("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "amazon")]
    [TestCase("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "amazon")]
    [TestCase("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "amazon")]
    [TestCase("public.ecr.aws", "amazon")]
    [TestCase("index.docker.io", null)]
    [TestCase("evilgcr.io", null)]
    [TestCase("gcr.io.evil.com", null)]
    [TestCase("azurecr.io.evil.com", null)]
    [TestCase("12.dkr.ecr.eu-west-1.amazonaws.com", null)]
    [TestCase("123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.com", null)]
    public void A_cloud_knows_its_own_registries(string registry, string? owner) =>
        RegistryIdentities
            .All(_http, Endpoints(), _time)
            .Where(identity => identity.Recognises(registry))
            .Select(identity => identity.Name)
            .Should()
            .Equal(owner is null ? [] : [owner]);

    [Test]
    public async Task Google_gives_the_machines_token_until_it_expires()
    {
        _answers["GET /computeMetadata/v1/instance/service-accounts/default/token"] = _ =>
            """{"access_token":"ya29","expires_in":3600,"token_type":"Bearer"}""";
        var identity = new GoogleIdentity(_http, Endpoints(), _time);

        (await identity.CredentialAsync("gcr.io", default)).Should().Be(new RegistryCredential("oauth2accesstoken", "ya29"));
        await identity.CredentialAsync("europe-docker.pkg.dev", default);
        _asked.Should().ContainSingle("the token is for all registries");
        _time.Advance(TimeSpan.FromMinutes(59.5));
        await identity.CredentialAsync("gcr.io", default);
        _asked.Should().HaveCount(2);
    }

    [Test]
    public async Task Azure_exchanges_the_managed_identity_for_a_token_of_the_registry()
    {
        var expiry = _time.GetUtcNow().AddHours(3).ToUnixTimeSeconds();
        var refresh = $"e30.{Convert.ToBase64String(Encoding.UTF8.GetBytes($$"""{"exp":{{expiry}} }""")).TrimEnd('=')}.sig";
        _answers["GET /metadata/identity/oauth2/token"] = seen =>
            seen.Query.Contains("resource=https://management.azure.com/", StringComparison.Ordinal)
                ? """{"access_token":"aad","expires_on":"1"}"""
                : "";
        _answers["POST /oauth2/exchange"] = seen =>
            seen.Body.Contains("grant_type=access_token&service=mine.azurecr.io&access_token=aad", StringComparison.Ordinal)
                ? $$"""{"refresh_token":"{{refresh}}"}"""
                : "";
        var identity = new AzureIdentity(_http, Endpoints(), _time);

        (await identity.CredentialAsync("mine.azurecr.io", default))!.IdentityToken.Should().Be(refresh);
        _time.Advance(TimeSpan.FromHours(2.9));
        await identity.CredentialAsync("mine.azurecr.io", default);
        _asked.Should().Equal("GET /metadata/identity/oauth2/token", "POST /oauth2/exchange");
        _time.Advance(TimeSpan.FromMinutes(10));
        await identity.CredentialAsync("mine.azurecr.io", default);
        _asked.Should().HaveCount(4);
    }

    [TestCase("AZURE_CLIENT_SECRET", "client_secret=given")]
    [TestCase("AZURE_FEDERATED_TOKEN", "client_assertion=given")]
    public async Task Azure_takes_a_principal_or_a_federated_workload_first(string variable, string field)
    {
        _environment["AZURE_CLIENT_ID"] = "client";
        _environment["AZURE_TENANT_ID"] = "tenant";
        _environment[variable] = "given";
        _answers["POST /tenant/oauth2/v2.0/token"] = seen =>
            seen.Body.Contains(field, StringComparison.Ordinal) ? """{"access_token":"aad"}""" : "";
        _answers["POST /oauth2/exchange"] = seen =>
            seen.Body.Contains("tenant=tenant", StringComparison.Ordinal) ? """{"refresh_token":"opaque"}""" : "";

        (await new AzureIdentity(_http, Endpoints(), _time).CredentialAsync("mine.azurecr.io", default))!
            .IdentityToken.Should()
            .Be("opaque");
    }

    [Test]
    public async Task Amazon_signs_with_the_machines_role()
    {
        _answers["PUT /latest/api/token"] = _ => "session";
        _answers["GET /latest/meta-data/iam/security-credentials/"] = _ => "node-role";
        _answers["GET /latest/meta-data/iam/security-credentials/node-role"] = _ =>
            """{"AccessKeyId":"AKID","SecretAccessKey":"key","Token":"temporary"}""";
        ExpectRegistry("AKID", "eu-west-1/ecr", """{"registryIds":["123456789012"]}""");

        var credential = await new AmazonIdentity(_http, Endpoints(), _time).CredentialAsync(
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
            default
        );

        credential.Should().Be(new RegistryCredential("AWS", "password"));
        _asked.Should().HaveCount(4);
    }

    [TestCase(
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
        "https://api.ecr.eu-west-1.amazonaws.com/",
        "https://sts.eu-west-1.amazonaws.com/"
    )]
    [TestCase(
        "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
        "https://ecr-fips.us-gov-west-1.amazonaws.com/",
        "https://sts.us-gov-west-1.amazonaws.com/"
    )]
    [TestCase(
        "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
        "https://api.ecr.cn-north-1.amazonaws.com.cn/",
        "https://sts.cn-north-1.amazonaws.com.cn/"
    )]
    [TestCase(
        "123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov",
        "https://api.ecr.us-iso-east-1.c2s.ic.gov/",
        "https://sts.us-iso-east-1.c2s.ic.gov/"
    )]
    [TestCase(
        "123456789012.dkr.ecr.us-isob-east-1.sc2s.sgov.gov",
        "https://api.ecr.us-isob-east-1.sc2s.sgov.gov/",
        "https://sts.us-isob-east-1.sc2s.sgov.gov/"
    )]
    [TestCase(
        "123456789012.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk",
        "https://api.ecr.eu-isoe-west-1.cloud.adc-e.uk/",
        "https://sts.eu-isoe-west-1.cloud.adc-e.uk/"
    )]
    [TestCase(
        "123456789012.dkr.ecr.us-isof-south-1.csp.hci.ic.gov",
        "https://api.ecr.us-isof-south-1.csp.hci.ic.gov/",
        "https://sts.us-isof-south-1.csp.hci.ic.gov/"
    )]
    public async Task Amazon_is_asked_in_the_domain_of_the_registry(string registry, string api, string tokens)
    {
        using var files = new TestAuthority();
        _environment["AWS_WEB_IDENTITY_TOKEN_FILE"] = files.File;
        _environment["AWS_ROLE_ARN"] = "arn:aws:iam::123456789012:role/pull";
        var (real, here, hosts) = (new CloudEndpoints(), Endpoints(), new List<string>());
        var endpoints = here with
        {
            AmazonTokens = (region, domain) =>
            {
                hosts.Add(real.AmazonTokens(region, domain).AbsoluteUri);
                return here.AmazonTokens("x", domain);
            },
            AmazonRegistry = (region, domain, fips) =>
            {
                hosts.Add(real.AmazonRegistry(region, domain, fips).AbsoluteUri);
                return here.AmazonRegistry(region, domain, fips);
            },
        };
        _answers["POST /sts/x/"] = _ =>
            """{"AssumeRoleWithWebIdentityResponse":{"AssumeRoleWithWebIdentityResult":{"Credentials":{"AccessKeyId":"WEB","SecretAccessKey":"key","SessionToken":"temporary"}}}}""";
        _answers["POST /ecr/"] = _ => $$"""{"authorizationData":[{"authorizationToken":"{{Token}}","expiresAt":2.0E9}]}""";

        (await new AmazonIdentity(_http, endpoints, _time).CredentialAsync(registry, default))!.Username.Should().Be("AWS");

        hosts.Should().BeEquivalentTo(api, tokens);
    }

    [Test]
    public async Task Amazon_takes_a_web_identity_before_the_machines_role()
    {
        using var files = new TestAuthority();
        _environment["AWS_WEB_IDENTITY_TOKEN_FILE"] = files.File;
        _environment["AWS_ROLE_ARN"] = "arn:aws:iam::123456789012:role/pull";
        _answers["POST /sts/eu-west-1/"] = seen =>
            seen.Body.Contains("Action=AssumeRoleWithWebIdentity", StringComparison.Ordinal) && seen.Accept == "application/json"
                ? """{"AssumeRoleWithWebIdentityResponse":{"AssumeRoleWithWebIdentityResult":{"Credentials":{"AccessKeyId":"WEB","SecretAccessKey":"key","SessionToken":"temporary"}}}}"""
                : "";
        ExpectRegistry("WEB", "eu-west-1/ecr", """{"registryIds":["123456789012"]}""");

        (await new AmazonIdentity(_http, Endpoints(), _time).CredentialAsync("123456789012.dkr.ecr.eu-west-1.amazonaws.com", default))!
            .Password.Should()
            .Be("password");
    }

    [TestCase("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")]
    [TestCase("AWS_CONTAINER_CREDENTIALS_FULL_URI")]
    public async Task Amazon_takes_a_container_agents_credentials(string variable)
    {
        _environment[variable] = variable.Contains("FULL", StringComparison.Ordinal)
            ? $"http://127.0.0.1:{_cloud.Port}/credentials"
            : "/credentials";
        _environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "pod-token";
        _answers["GET /credentials"] = seen =>
            seen.Authorization == "pod-token" ? """{"AccessKeyId":"POD","SecretAccessKey":"key","Token":"temporary"}""" : "";
        ExpectRegistry("POD", "eu-west-1/ecr", """{"registryIds":["123456789012"]}""");

        (await new AmazonIdentity(_http, Endpoints(), _time).CredentialAsync("123456789012.dkr.ecr.eu-west-1.amazonaws.com", default))!
            .Password.Should()
            .Be("password");
    }

    [Test]
    public async Task Amazons_public_registry_is_asked_in_its_own_region()
    {
        _environment["AWS_ACCESS_KEY_ID"] = "ENV";
        _environment["AWS_SECRET_ACCESS_KEY"] = "key";
        _answers["POST /public/"] = seen =>
            seen.Authorization!.Contains("us-east-1/ecr-public/aws4_request", StringComparison.Ordinal)
                ? $$"""{"authorizationData":{"authorizationToken":"{{Token}}","expiresAt":2000000000} }"""
                : "";

        (await new AmazonIdentity(_http, Endpoints(), _time).CredentialAsync("public.ecr.aws", default))!.Username.Should().Be("AWS");
    }

    [Test]
    public void Signatures_are_those_of_Amazons_published_example()
    {
        using var message = new HttpRequestMessage(HttpMethod.Get, "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08");
        message.Content = new ByteArrayContent([]);
        message.Content.Headers.TryAddWithoutValidation("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");

        AmazonSignature.Sign(
            message,
            [],
            new AmazonCredentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""),
            "us-east-1",
            "iam",
            new DateTimeOffset(2015, 8, 30, 12, 36, 0, TimeSpan.Zero)
        );

        message
            .Headers.GetValues("Authorization")
            .Single()
            .Should()
            .Be(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, "
                    + "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
            );
    }

    [Test]
    public async Task A_machine_without_identity_is_not_asked_for_each_image()
    {
        var identity = new GoogleIdentity(_http, Endpoints(), _time);
        var asking = () => identity.CredentialAsync("gcr.io", default).AsTask();

        await asking.Should().ThrowAsync<IdentityException>();
        await asking.Should().ThrowAsync<IdentityException>();
        _asked.Should().ContainSingle();
        _time.Advance(TimeSpan.FromSeconds(31));
        await asking.Should().ThrowAsync<IdentityException>();
        _asked.Should().HaveCount(2);
    }

    [Test]
    public async Task A_silent_metadata_server_costs_seconds_only()
    {
        _cloud.Instead = async (context, _) =>
        {
            _asked.Add("");
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(static _ => { }, TaskScheduler.Default);
            return true;
        };
        var asking = new GoogleIdentity(_http, Endpoints(), _time).CredentialAsync("gcr.io", default).AsTask();
        await Eventually.HoldsAsync(() => _asked.Should().NotBeEmpty());

        _time.Advance(TimeSpan.FromSeconds(5));

        var awaiting = () => asking;
        await awaiting.Should().ThrowAsync<IdentityException>().WithMessage("no answer within 5 seconds");
    }

    [TestCase("""{"expires_in":3600}""")]
    [TestCase("not json")]
    [TestCase("[]")]
    public async Task An_answer_that_is_none_is_a_failure_of_the_identity(string answer)
    {
        _answers["GET /computeMetadata/v1/instance/service-accounts/default/token"] = _ => answer;
        var asking = () => new GoogleIdentity(_http, Endpoints(), _time).CredentialAsync("gcr.io", default).AsTask();

        await asking.Should().ThrowAsync<IdentityException>().WithMessage("*unexpected response*");
    }

    [Test]
    public async Task The_machines_identity_opens_its_clouds_registry_and_without_one_the_image_is_asked_for_anonymously()
    {
        await using var world = await DigestWorld.StartAsync();
        world.Registry.Challenge = "Bearer";
        world.Registry.Login = "oauth2accesstoken:ya29";
        world.Identities = [new GoogleIdentity(_http, Endpoints(), TimeProvider.System)];
        world.Registry.AnonymousTokens = true;

        (await world.ResolveAsync("europe-docker.pkg.dev/team/app:1")).Should().EndWith(TestRegistry.Digest);
        world.Registry.Requests.Single(request => request.Path == "/token").Authorization.Should().BeNull();
        _answers["GET /computeMetadata/v1/instance/service-accounts/default/token"] = _ => """{"access_token":"ya29","expires_in":3600}""";
        world.Registry.AnonymousTokens = false;
        world.Identities = [new GoogleIdentity(_http, Endpoints(), TimeProvider.System)];
        (await world.ResolveAsync("europe-docker.pkg.dev/team/app:1")).Should().EndWith(TestRegistry.Digest);
    }

    private static string Token => Convert.ToBase64String(Encoding.UTF8.GetBytes("AWS:password"));

    private void ExpectRegistry(string key, string scope, string body) =>
        _answers["POST /ecr/"] = seen =>
            seen.Authorization!.Contains($"Credential={key}/20260101/{scope}/aws4_request", StringComparison.Ordinal)
            && seen.Authorization.Contains("x-amz-security-token;x-amz-target", StringComparison.Ordinal)
            && seen.Body == body
                ? $$"""{"authorizationData":[{"authorizationToken":"{{Token}}","expiresAt":2.0E9}]}"""
                : "";

    private CloudEndpoints Endpoints()
    {
        var server = new Uri($"http://127.0.0.1:{_cloud.Port}/");
        return new CloudEndpoints
        {
            GoogleMetadata = server,
            AzureMetadata = server,
            AzureDirectory = server,
            AzureRegistry = _ => server,
            AmazonMetadata = server,
            AmazonContainers = server,
            AmazonTokens = (region, _) => new Uri(server, $"sts/{region}/"),
            AmazonRegistry = (_, _, _) => new Uri(server, "ecr/"),
            AmazonPublicRegistry = new Uri(server, "public/"),
            Environment = _environment.GetValueOrDefault,
        };
    }
}
