using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;

namespace Serving.Tests.LocalCluster.ApiServer;

/// <summary>Tokens, impersonation and reviews.</summary>
[TestFixture]
internal sealed class AuthenticationTests
{
    private const string Accounts = "/api/v1/namespaces/default/serviceaccounts";
    private RunningServer _server = null!;
    private string _name = null!;

    [OneTimeSetUp]
    public async Task Start() => _server = await RunningServer.StartAsync();

    [OneTimeTearDown]
    public async Task Stop() => await _server.DisposeAsync();

    [SetUp]
    public async Task CreateAccount()
    {
        _name = $"sa-{Guid.NewGuid().ToString("N")[..8]}";
        await CreateNamedAsync();
    }

    [Test]
    public async Task A_service_accounts_token_tells_who_holds_it_until_the_account_is_made_anew()
    {
        using var account = _server.As(await _server.TokenAsync("default", _name));

        var user = await WhoAsync(account);
        user["username"]!.GetValue<string>().Should().Be($"system:serviceaccount:default:{_name}");
        user["groups"]!
            .ToJsonString()
            .Should()
            .Be("""["system:serviceaccounts","system:serviceaccounts:default","system:authenticated"]""");
        user["extra"]!["authentication.kubernetes.io/credential-id"]![0]!.GetValue<string>().Should().StartWith("JTI=");

        await _server.SendAsync(HttpMethod.Delete, $"{Accounts}/{_name}");
        await CreateNamedAsync();
        (await account.GetAsync("/apis")).StatusCode.Should().Be(System.Net.HttpStatusCode.Unauthorized);
    }

    [Test]
    public async Task A_token_bound_to_a_pod_ends_with_the_pod()
    {
        await CreateAsync(
            "/api/v1/namespaces/default/pods",
            $$"""
            {"apiVersion":"v1","kind":"Pod","metadata":{"name":"{{_name}}"},"spec":{"serviceAccountName":"{{_name}}","containers":[{"name":"c","image":"i"}]} }
            """
        );
        using var account = _server.As(await _server.TokenAsync("default", _name, boundPod: _name));
        (await WhoAsync(account))["extra"]!["authentication.kubernetes.io/pod-name"]![0]!.GetValue<string>().Should().Be(_name);

        await _server.SendAsync(HttpMethod.Delete, $"/api/v1/namespaces/default/pods/{_name}");

        (await account.GetAsync("/apis")).StatusCode.Should().Be(System.Net.HttpStatusCode.Unauthorized);
    }

    [Test]
    public async Task A_pod_of_an_account_that_does_not_exist_is_refused()
    {
        var (code, refused) = await _server.PostAsync(
            "/api/v1/namespaces/default/pods",
            """
            {"apiVersion":"v1","kind":"Pod","metadata":{"generateName":"web-"},"spec":{"serviceAccountName":"nobody","containers":[{"name":"c","image":"i"}]} }
            """
        );

        (code, refused["message"]!.GetValue<string>())
            .Should()
            .Be((403, "pods \"web-\" is forbidden: error looking up service account default/nobody: serviceaccount \"nobody\" not found"));
    }

    [Test]
    public async Task A_token_is_not_bound_to_the_pod_of_another_account()
    {
        await CreateAsync(
            "/api/v1/namespaces/default/pods",
            $$"""{"apiVersion":"v1","kind":"Pod","metadata":{"name":"{{_name}}"},"spec":{"containers":[{"name":"c","image":"i"}]} }"""
        );

        var (code, refused) = await _server.PostAsync(
            $"{Accounts}/{_name}/token",
            $$"""
            {"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"boundObjectRef":{"apiVersion":"v1","kind":"Pod","name":"{{_name}}"} } }
            """
        );

        (code, refused["message"]!.GetValue<string>())
            .Should()
            .Be((400, $"cannot bind token for serviceaccount \"{_name}\" to pod running with different serviceaccount name."));
    }

    [Test]
    public async Task A_token_for_another_audience_opens_nothing_here_and_is_good_there()
    {
        var token = await _server.TokenAsync("default", _name, audience: "elsewhere");
        using var account = _server.As(token);
        (await account.GetAsync("/apis")).StatusCode.Should().Be(System.Net.HttpStatusCode.Unauthorized);

        (await ReviewTokenAsync(token, "elsewhere", "third"))["audiences"]!.ToJsonString().Should().Be("""["elsewhere"]""");
        (await ReviewTokenAsync(token))["authenticated"]!.GetValue<bool>().Should().BeFalse();
        (await ReviewTokenAsync(token, "third"))["authenticated"]!.GetValue<bool>().Should().BeFalse();
        (await ReviewTokenAsync("rubbish"))["authenticated"]!.GetValue<bool>().Should().BeFalse();
    }

    [Test]
    public async Task The_clusters_own_parts_have_identities_of_their_own()
    {
        foreach (var (part, user) in new[] { ("node", "system:node:local"), ("controllers", "system:kube-controller-manager") })
        {
            using var client = _server.As((await File.ReadAllTextAsync(Path.Combine(_server.Directory, $"{part}.token"))).Trim());
            var who = await WhoAsync(client);
            who["username"]!.GetValue<string>().Should().Be(user);
            who["groups"]!.ToJsonString().Should().NotContain("system:masters");
            if (!OperatingSystem.IsWindows())
                File.GetUnixFileMode(Path.Combine(_server.Directory, $"{part}.kubeconfig"))
                    .Should()
                    .Be(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
    }

    [Test]
    public async Task Who_may_impersonate_acts_as_somebody_else_and_others_may_not()
    {
        using var asAccount = _server.As(_server.Server.Token, ("Impersonate-User", $"system:serviceaccount:default:{_name}"));
        var user = await WhoAsync(asAccount);
        user["username"]!.GetValue<string>().Should().Be($"system:serviceaccount:default:{_name}");
        user["groups"]!
            .ToJsonString()
            .Should()
            .Be("""["system:serviceaccounts","system:serviceaccounts:default","system:authenticated"]""");
        ((int)(await asAccount.GetAsync("/api/v1/secrets")).StatusCode).Should().Be(403);

        using var asUser = _server.As(
            _server.Server.Token,
            ("Impersonate-User", "jane"),
            ("Impersonate-Group", "developers"),
            ("Impersonate-Extra-scopes", "view")
        );
        (await WhoAsync(asUser))
            .ToJsonString()
            .Should()
            .Be("""{"username":"jane","groups":["developers","system:authenticated"],"extra":{"scopes":["view"]}}""");

        using var unprivileged = _server.As(await _server.TokenAsync("default", _name), ("Impersonate-User", "jane"));
        var (code, refused) = await _server.SendAsync(HttpMethod.Get, "/api/v1/pods", client: unprivileged);
        (code, refused["message"]!.GetValue<string>())
            .Should()
            .Be(
                (
                    403,
                    $"users \"jane\" is forbidden: User \"system:serviceaccount:default:{_name}\" cannot impersonate resource \"users\" in API group \"\" at the cluster scope"
                )
            );
    }

    [Test]
    public async Task Reviews_answer_what_a_request_would_meet()
    {
        var user = $"system:serviceaccount:default:{_name}";
        await CreateAsync(
            "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings",
            $$"""
            {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","metadata":{"name":"{{_name}}"},
             "roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"view"},"subjects":[{"kind":"ServiceAccount","name":"{{_name}}"}]}
            """
        );

        var allowed = await AccessAsync(
            "subjectaccessreviews",
            "SubjectAccessReview",
            $$""" "user":"{{user}}","resourceAttributes":{"verb":"list","resource":"pods","namespace":"default"} """
        );
        allowed["allowed"]!.GetValue<bool>().Should().BeTrue();
        allowed["reason"]!
            .GetValue<string>()
            .Should()
            .Be($"RBAC: allowed by RoleBinding \"{_name}/default\" of ClusterRole \"view\" to ServiceAccount \"{_name}/default\"");
        (
            await AccessAsync(
                "subjectaccessreviews",
                "SubjectAccessReview",
                $$""" "user":"{{user}}","resourceAttributes":{"verb":"list","resource":"pods"} """
            )
        )["allowed"]!
            .GetValue<bool>()
            .Should()
            .BeFalse();
        (
            await AccessAsync(
                "subjectaccessreviews",
                "SubjectAccessReview",
                """ "user":"x","groups":["system:authenticated"],"nonResourceAttributes":{"verb":"get","path":"/apis/apps"} """
            )
        )["allowed"]!
            .GetValue<bool>()
            .Should()
            .BeTrue();
        (
            await AccessAsync(
                "subjectaccessreviews",
                "SubjectAccessReview",
                """ "user":"x","nonResourceAttributes":{"verb":"get","path":"/metrics"} """
            )
        )["allowed"]!
            .GetValue<bool>()
            .Should()
            .BeFalse();
        (
            await AccessAsync(
                "selfsubjectaccessreviews",
                "SelfSubjectAccessReview",
                """ "resourceAttributes":{"verb":"*","resource":"*","group":"*"} """
            )
        )["allowed"]!
            .GetValue<bool>()
            .Should()
            .BeTrue();

        using var account = _server.As(await _server.TokenAsync("default", _name));
        var (code, rules) = await _server.SendAsync(
            HttpMethod.Post,
            "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
            """
            {"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectRulesReview","spec":{"namespace":"default"}}
            """,
            client: account
        );
        code.Should().Be(201);
        rules["status"]!["resourceRules"]!.AsArray().Should().Contain(rule => rule!["resources"]!.ToJsonString() == """["namespaces"]""");
        rules["status"]!["nonResourceRules"]!.ToJsonString().Should().Contain("/apis/*");
    }

    private async Task<JsonNode> AccessAsync(string resource, string kind, string spec)
    {
        var (code, review) = await _server.PostAsync(
            $"/apis/authorization.k8s.io/v1/{resource}",
            $$"""{"apiVersion":"authorization.k8s.io/v1","kind":"{{kind}}","spec":{ {{spec}} } }"""
        );
        code.Should().Be(201, review.ToJsonString());
        return review["status"]!;
    }

    private async Task<JsonNode> ReviewTokenAsync(string token, params string[] audiences)
    {
        var (code, review) = await _server.PostAsync(
            "/apis/authentication.k8s.io/v1/tokenreviews",
            $$"""
            {"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"{{token}}","audiences":[{{string.Join(
                ',',
                audiences.Select(a => $"\"{a}\"")
            )}}]} }
            """
        );
        code.Should().Be(201, review.ToJsonString());
        return review["status"]!;
    }

    private async Task<JsonNode> WhoAsync(HttpClient client)
    {
        var (code, review) = await _server.SendAsync(
            HttpMethod.Post,
            "/apis/authentication.k8s.io/v1/selfsubjectreviews",
            """{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}""",
            client: client
        );
        code.Should().Be(201, review.ToJsonString());
        return review["status"]!["userInfo"]!;
    }

    private Task CreateNamedAsync() =>
        CreateAsync(Accounts, $$"""{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"{{_name}}"} }""");

    private async Task CreateAsync(string path, string body)
    {
        var (code, answer) = await _server.PostAsync(path, body);
        code.Should().Be(201, answer.ToJsonString());
    }
}
