using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;

namespace Serving.Tests.LocalCluster.ApiServer;

/// <summary>RBAC: roles, bindings, groups, aggregation, and the error texts. Each test has its own namespaces.</summary>
[TestFixture]
internal sealed class RbacTests
{
    private const string Rbac = "/apis/rbac.authorization.k8s.io/v1";
    private RunningServer _server = null!;
    private string _ns = null!;

    [OneTimeSetUp]
    public async Task Start() => _server = await RunningServer.StartAsync();

    [OneTimeTearDown]
    public async Task Stop() => await _server.DisposeAsync();

    [SetUp]
    public async Task CreateNamespace()
    {
        _ns = $"ns-{Guid.NewGuid().ToString("N")[..8]}";
        await CreateAsync("/api/v1/namespaces", $$"""{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"{{_ns}}"} }""");
    }

    [Test]
    public async Task Nobody_may_do_what_no_role_grants_and_is_told_so_as_kubernetes_does()
    {
        using var account = await AccountAsync("poor");

        var (code, status) = await SendAsync(account, HttpMethod.Get, $"/api/v1/namespaces/{_ns}/pods");

        code.Should().Be(403);
        Message(status)
            .Should()
            .Be(
                $"pods is forbidden: User \"system:serviceaccount:{_ns}:poor\" cannot list resource \"pods\" in API group \"\" in the namespace \"{_ns}\""
            );
        status["reason"]!.GetValue<string>().Should().Be("Forbidden");
        status["details"]!.ToJsonString().Should().Be("""{"kind":"pods"}""");
        (code, status) = await SendAsync(account, HttpMethod.Get, "/apis/apps/v1/deployments/");
        Message(status)
            .Should()
            .Be(
                $"deployments.apps is forbidden: User \"system:serviceaccount:{_ns}:poor\" cannot list resource \"deployments\" in API group \"apps\" at the cluster scope"
            );
        (code, status) = await SendAsync(account, HttpMethod.Delete, $"/api/v1/namespaces/{_ns}");
        Message(status)
            .Should()
            .Be(
                $"namespaces \"{_ns}\" is forbidden: User \"system:serviceaccount:{_ns}:poor\" cannot delete resource \"namespaces\" in API group \"\" in the namespace \"{_ns}\""
            );
        (code, status) = await SendAsync(account, HttpMethod.Get, "/metrics");
        (code, Message(status)).Should().Be((403, $"forbidden: User \"system:serviceaccount:{_ns}:poor\" cannot get path \"/metrics\""));
    }

    [Test]
    public async Task A_role_holds_in_its_namespace_alone()
    {
        using var account = await AccountAsync("reader");
        await RoleAsync("pod-reader", """[{"apiGroups":[""],"resources":["pods"],"verbs":["get","list"]}]""");
        await BindAsync("read", "Role", "pod-reader", Account("reader"));

        (await CodeAsync(account, HttpMethod.Get, $"/api/v1/namespaces/{_ns}/pods")).Should().Be(200);
        (await CodeAsync(account, HttpMethod.Get, $"/api/v1/namespaces/{_ns}/pods?watch=true")).Should().Be(403);
        (await CodeAsync(account, HttpMethod.Get, "/api/v1/namespaces/default/pods")).Should().Be(403);
        (await CodeAsync(account, HttpMethod.Get, "/api/v1/pods")).Should().Be(403);
        (await CodeAsync(account, HttpMethod.Delete, $"/api/v1/namespaces/{_ns}/pods")).Should().Be(403);
    }

    [Test]
    public async Task A_change_of_a_role_or_a_binding_is_seen_by_the_next_request()
    {
        using var account = await AccountAsync("changing");
        await RoleAsync("changing", """[{"apiGroups":[""],"resources":["pods"],"verbs":["list"]}]""");
        await BindAsync("changing", "Role", "changing", Account("changing"));
        var pods = $"/api/v1/namespaces/{_ns}/pods";
        (await CodeAsync(account, HttpMethod.Get, pods)).Should().Be(200);

        await _server.SendAsync(
            HttpMethod.Patch,
            $"{Rbac}/namespaces/{_ns}/roles/changing",
            """{"rules":[]}""",
            "application/merge-patch+json"
        );
        (await CodeAsync(account, HttpMethod.Get, pods)).Should().Be(403);

        await _server.SendAsync(HttpMethod.Delete, $"{Rbac}/namespaces/{_ns}/roles/changing");
        var (_, refused) = await SendAsync(account, HttpMethod.Get, pods);
        Message(refused).Should().EndWith($"in the namespace \"{_ns}\": RBAC: role.rbac.authorization.k8s.io \"changing\" not found");
    }

    [Test]
    public async Task A_cluster_role_bound_in_a_namespace_holds_there_and_bound_to_the_cluster_everywhere()
    {
        using var local = await AccountAsync("local");
        using var global = await AccountAsync("global");
        await BindAsync("local", "ClusterRole", "view", Account("local"));
        await BindClusterAsync($"global-{_ns}", "view", Account("global"));

        (await CodeAsync(local, HttpMethod.Get, $"/api/v1/namespaces/{_ns}/configmaps")).Should().Be(200);
        (await CodeAsync(local, HttpMethod.Get, $"/api/v1/namespaces/{_ns}")).Should().Be(200);
        (await CodeAsync(local, HttpMethod.Get, "/api/v1/configmaps")).Should().Be(403);
        (await CodeAsync(global, HttpMethod.Get, "/api/v1/configmaps")).Should().Be(200);
        (await CodeAsync(global, HttpMethod.Get, $"/api/v1/namespaces/{_ns}/secrets")).Should().Be(403);
    }

    [Test]
    public async Task Subresources_are_granted_by_their_own_names()
    {
        using var account = await AccountAsync("scaler");
        await RoleAsync(
            "scaler",
            """[{"apiGroups":["*"],"resources":["*/scale"],"verbs":["get","patch"]},{"apiGroups":[""],"resources":["services/status"],"verbs":["get"]}]"""
        );
        await BindAsync("scaler", "Role", "scaler", Account("scaler"));
        await CreateAsync(
            $"/apis/apps/v1/namespaces/{_ns}/deployments",
            """
            {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"selector":{"matchLabels":{"a":"b"}},
             "template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}
            """
        );
        var web = $"/apis/apps/v1/namespaces/{_ns}/deployments/web";

        (await CodeAsync(account, HttpMethod.Get, $"{web}/scale")).Should().Be(200);
        (await CodeAsync(account, HttpMethod.Patch, $"{web}/scale", """{"spec":{"replicas":2}}""", "application/merge-patch+json"))
            .Should()
            .Be(200);
        (await CodeAsync(account, HttpMethod.Get, web)).Should().Be(403);
        var (_, refused) = await SendAsync(account, HttpMethod.Get, $"{web}/status");
        Message(refused).Should().Contain("cannot get resource \"deployments/status\" in API group \"apps\"");
        (await CodeAsync(account, HttpMethod.Get, $"/api/v1/namespaces/{_ns}/services/none/status")).Should().Be(404);
        (await CodeAsync(account, HttpMethod.Get, $"/api/v1/namespaces/{_ns}/services/none")).Should().Be(403);
    }

    [Test]
    public async Task Names_restrict_a_rule_to_objects_and_to_lists_that_select_them()
    {
        using var account = await AccountAsync("one");
        await RoleAsync(
            "one",
            """[{"apiGroups":[""],"resources":["configmaps"],"resourceNames":["mine"],"verbs":["get","list","create"]}]"""
        );
        await BindAsync("one", "Role", "one", Account("one"));
        var maps = $"/api/v1/namespaces/{_ns}/configmaps";

        (await CodeAsync(account, HttpMethod.Get, $"{maps}/mine")).Should().Be(404);
        (await CodeAsync(account, HttpMethod.Get, $"{maps}/other")).Should().Be(403);
        (await CodeAsync(account, HttpMethod.Get, maps)).Should().Be(403);
        (await CodeAsync(account, HttpMethod.Get, $"{maps}?fieldSelector=metadata.name%3Dmine")).Should().Be(200);
        (await CodeAsync(account, HttpMethod.Post, maps, """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"mine"}}"""))
            .Should()
            .Be(403, "the name of what is created is not known in advance");
    }

    [Test]
    public async Task Whoever_may_only_patch_cannot_create_by_applying()
    {
        using var account = await AccountAsync("patcher");
        await RoleAsync("patcher", """[{"apiGroups":[""],"resources":["configmaps"],"verbs":["patch"]}]""");
        await BindAsync("patcher", "Role", "patcher", Account("patcher"));
        var path = $"/api/v1/namespaces/{_ns}/configmaps/applied?fieldManager=test";
        const string map = """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"applied"},"data":{"a":"1"}}""";

        var (code, refused) = await SendAsync(account, HttpMethod.Patch, path, map, "application/apply-patch+yaml");
        (code, Message(refused))
            .Should()
            .Be(
                (
                    403,
                    $"configmaps \"applied\" is forbidden: User \"system:serviceaccount:{_ns}:patcher\" cannot create resource \"configmaps\" in API group \"\" in the namespace \"{_ns}\""
                )
            );
        await CreateAsync($"/api/v1/namespaces/{_ns}/configmaps", map);
        (
            await CodeAsync(
                account,
                HttpMethod.Patch,
                path,
                """{"apiVersion":"v1","kind":"ConfigMap","data":{"b":"2"}}""",
                "application/apply-patch+yaml"
            )
        )
            .Should()
            .Be(200);
    }

    [Test]
    public async Task Groups_of_service_accounts_users_and_strangers_can_be_bound()
    {
        using var account = await AccountAsync("member");
        using var stranger = _server.As(null);
        await RoleAsync("listers", """[{"apiGroups":[""],"resources":["pods"],"verbs":["list"]}]""");
        var pods = $"/api/v1/namespaces/{_ns}/pods";
        (await CodeAsync(account, HttpMethod.Get, pods)).Should().Be(403);

        await BindAsync(
            "all",
            "Role",
            "listers",
            $$"""{"apiGroup":"rbac.authorization.k8s.io","kind":"Group","name":"system:serviceaccounts:{{_ns}}"}"""
        );
        (await CodeAsync(account, HttpMethod.Get, pods)).Should().Be(200);
        var (code, refused) = await SendAsync(stranger, HttpMethod.Get, pods);
        (code, Message(refused))
            .Should()
            .Be(
                (
                    403,
                    $"pods is forbidden: User \"system:anonymous\" cannot list resource \"pods\" in API group \"\" in the namespace \"{_ns}\""
                )
            );

        await BindAsync(
            "strangers",
            "Role",
            "listers",
            """{"apiGroup":"rbac.authorization.k8s.io","kind":"Group","name":"system:unauthenticated"}"""
        );
        (await CodeAsync(stranger, HttpMethod.Get, pods)).Should().Be(200);
    }

    [Test]
    public async Task Everyone_known_may_discover_and_everyone_at_all_may_see_the_version()
    {
        using var account = await AccountAsync("curious");
        using var stranger = _server.As(null);

        foreach (var path in (string[])["/api", "/apis", "/api/v1", "/apis/apps/v1", "/openapi/v3", "/version", "/healthz"])
            (await account.GetAsync(path)).IsSuccessStatusCode.Should().BeTrue(path);
        (await stranger.GetAsync("/version")).IsSuccessStatusCode.Should().BeTrue();
        (await stranger.GetAsync("/readyz")).IsSuccessStatusCode.Should().BeTrue();
        (await CodeAsync(stranger, HttpMethod.Get, "/apis")).Should().Be(403);
    }

    [Test]
    public async Task Aggregated_roles_hold_the_rules_of_those_their_selectors_choose()
    {
        var label = $"aggregate.test/{_ns}";
        using var account = await AccountAsync("aggregate");
        await CreateAsync(
            $"{Rbac}/clusterroles",
            $$"""
            {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"whole-{{_ns}}"},
             "aggregationRule":{"clusterRoleSelectors":[{"matchLabels":{"{{label}}":"true"} }]} }
            """
        );
        await BindAsync("whole", "ClusterRole", $"whole-{_ns}", Account("aggregate"));
        await CreateAsync(
            $"{Rbac}/clusterroles",
            ClusterRole($"part-{_ns}", label, """[{"apiGroups":[""],"resources":["pods"],"verbs":["list"]}]""")
        );

        await Support.Eventually.HoldsAsync(async () =>
            (await CodeAsync(account, HttpMethod.Get, $"/api/v1/namespaces/{_ns}/pods")).Should().Be(200)
        );
        var (_, whole) = await _server.GetAsync($"{Rbac}/clusterroles/whole-{_ns}");
        whole["rules"]!.ToJsonString().Should().Be("""[{"apiGroups":[""],"resources":["pods"],"verbs":["list"]}]""");

        await _server.SendAsync(HttpMethod.Delete, $"{Rbac}/clusterroles/part-{_ns}");
        await Support.Eventually.HoldsAsync(async () =>
            (await CodeAsync(account, HttpMethod.Get, $"/api/v1/namespaces/{_ns}/pods")).Should().Be(403)
        );
    }

    [Test]
    public async Task Roles_of_other_projects_add_to_admin_edit_and_view()
    {
        using var account = await AccountAsync("viewer");
        await BindAsync("viewer", "ClusterRole", "view", Account("viewer"));
        var leases = $"/apis/coordination.k8s.io/v1/namespaces/{_ns}/leases";
        (await CodeAsync(account, HttpMethod.Get, leases)).Should().Be(403);

        await CreateAsync(
            $"{Rbac}/clusterroles",
            ClusterRole(
                $"more-{_ns}",
                "rbac.authorization.k8s.io/aggregate-to-view",
                """[{"apiGroups":["coordination.k8s.io"],"resources":["leases"],"verbs":["list"]}]"""
            )
        );

        await Support.Eventually.HoldsAsync(async () => (await CodeAsync(account, HttpMethod.Get, leases)).Should().Be(200));
    }

    [Test]
    public async Task Nobody_gives_rights_that_he_does_not_have()
    {
        using var account = await AccountAsync("climber");
        await RoleAsync(
            "roles",
            """[{"apiGroups":["rbac.authorization.k8s.io"],"resources":["roles","rolebindings"],"verbs":["create","patch"]},{"apiGroups":[""],"resources":["pods"],"verbs":["get","list"]}]"""
        );
        await BindAsync("roles", "Role", "roles", Account("climber"));
        var roles = $"{Rbac}/namespaces/{_ns}/roles";

        (await CodeAsync(account, HttpMethod.Post, roles, Role("less", """[{"apiGroups":[""],"resources":["pods"],"verbs":["list"]}]""")))
            .Should()
            .Be(201);
        var (code, refused) = await SendAsync(
            account,
            HttpMethod.Post,
            roles,
            Role("more", """[{"apiGroups":[""],"resources":["pods","secrets"],"verbs":["list","get"]}]""")
        );
        code.Should().Be(403);
        Message(refused)
            .Should()
            .Be(
                $"roles.rbac.authorization.k8s.io \"more\" is forbidden: user \"system:serviceaccount:{_ns}:climber\" (groups=[\"system:serviceaccounts\" \"system:serviceaccounts:{_ns}\" \"system:authenticated\"]) "
                    + "is attempting to grant RBAC permissions not currently held:\n{APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"list\" \"get\"]}"
            );
        (
            await CodeAsync(
                account,
                HttpMethod.Patch,
                $"{roles}/less",
                """{"rules":[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}]}""",
                "application/merge-patch+json"
            )
        )
            .Should()
            .Be(403);

        var bindings = $"{Rbac}/namespaces/{_ns}/rolebindings";
        (await CodeAsync(account, HttpMethod.Post, bindings, Binding("own", "Role", "less", Account("climber")))).Should().Be(201);
        (await CodeAsync(account, HttpMethod.Post, bindings, Binding("up", "ClusterRole", "cluster-admin", Account("climber"))))
            .Should()
            .Be(403);
        (await CodeAsync(account, HttpMethod.Post, bindings, Binding("lost", "Role", "missing", Account("climber")))).Should().Be(404);
    }

    [Test]
    public async Task The_verbs_escalate_and_bind_lift_that()
    {
        using var account = await AccountAsync("trusted");
        await RoleAsync(
            "trusted",
            """
            [{"apiGroups":["rbac.authorization.k8s.io"],"resources":["roles","rolebindings"],"verbs":["create"]},
             {"apiGroups":["rbac.authorization.k8s.io"],"resources":["roles"],"verbs":["escalate"]},
             {"apiGroups":["rbac.authorization.k8s.io"],"resources":["clusterroles"],"resourceNames":["edit"],"verbs":["bind"]}]
            """
        );
        await BindAsync("trusted", "Role", "trusted", Account("trusted"));

        (
            await CodeAsync(
                account,
                HttpMethod.Post,
                $"{Rbac}/namespaces/{_ns}/roles",
                Role("any", """[{"apiGroups":[""],"resources":["secrets"],"verbs":["get"]}]""")
            )
        )
            .Should()
            .Be(201);
        (
            await CodeAsync(
                account,
                HttpMethod.Post,
                $"{Rbac}/namespaces/{_ns}/rolebindings",
                Binding("edit", "ClusterRole", "edit", Account("trusted"))
            )
        )
            .Should()
            .Be(201);
        (
            await CodeAsync(
                account,
                HttpMethod.Post,
                $"{Rbac}/namespaces/{_ns}/rolebindings",
                Binding("admin", "ClusterRole", "admin", Account("trusted"))
            )
        )
            .Should()
            .Be(403);
    }

    [Test]
    public async Task An_aggregation_rule_takes_cluster_admin_to_write()
    {
        using var account = await AccountAsync("gatherer");
        await CreateAsync(
            $"{Rbac}/clusterroles",
            ClusterRole(
                $"gather-{_ns}",
                "unused",
                """[{"apiGroups":["rbac.authorization.k8s.io"],"resources":["clusterroles"],"verbs":["create"]}]"""
            )
        );
        await BindClusterAsync($"gather-{_ns}", $"gather-{_ns}", Account("gatherer"));

        var (code, refused) = await SendAsync(
            account,
            HttpMethod.Post,
            $"{Rbac}/clusterroles",
            $$"""
            {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"all-{{_ns}}"},"aggregationRule":{"clusterRoleSelectors":[{}]} }
            """
        );

        (code, Message(refused))
            .Should()
            .Be(
                (
                    403,
                    $"clusterroles.rbac.authorization.k8s.io \"all-{_ns}\" is forbidden: must have cluster-admin privileges to use an aggregationRule"
                )
            );
    }

    [TestCase(
        """{"kind":"Role","metadata":{"name":"x"},"rules":[{"apiGroups":[""],"resources":["pods"]}]}""",
        "rules[0].verbs: Required value: verbs must contain at least one value"
    )]
    [TestCase(
        """{"kind":"Role","metadata":{"name":"x"},"rules":[{"verbs":["get"],"resources":["pods"]}]}""",
        "rules[0].apiGroups: Required value: resource rules must supply at least one api group"
    )]
    [TestCase(
        """{"kind":"Role","metadata":{"name":"x"},"rules":[{"verbs":["get"],"nonResourceURLs":["/x"]}]}""",
        "rules[0].nonResourceURLs: Invalid value: [\"/x\"]: namespaced rules cannot apply to non-resource URLs"
    )]
    [TestCase(
        """{"kind":"RoleBinding","metadata":{"name":"x"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Rule","name":"r"}}""",
        "roleRef.kind: Unsupported value: \"Rule\": supported values: \"Role\", \"ClusterRole\""
    )]
    [TestCase(
        """{"kind":"RoleBinding","metadata":{"name":"x"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"r"},"subjects":[{"kind":"Robot","name":"r"}]}""",
        "subjects[0].kind: Unsupported value: \"Robot\": supported values: \"ServiceAccount\", \"User\", \"Group\""
    )]
    public async Task Roles_and_bindings_that_mean_nothing_are_refused(string document, string why)
    {
        var sent = (JsonObject)JsonNode.Parse(document)!;
        sent["apiVersion"] = "rbac.authorization.k8s.io/v1";

        var (code, status) = await _server.PostAsync(
            $"{Rbac}/namespaces/{_ns}/{sent["kind"]!.GetValue<string>().ToLowerInvariant()}s",
            sent.ToJsonString()
        );

        (code, Message(status)).Should().Be((422, $"{sent["kind"]}.rbac.authorization.k8s.io \"x\" is invalid: {why}"));
    }

    private static string Message(JsonObject status) => status["message"]!.GetValue<string>();

    private static string Role(string name, string rules) =>
        $$"""{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"{{name}}"},"rules":{{rules}} }""";

    private static string ClusterRole(string name, string label, string rules) =>
        $$"""{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"{{name}}","labels":{"{{label}}":"true"} },"rules":{{rules}} }""";

    private static string Binding(string name, string kind, string role, string subject) =>
        $$"""
            {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","metadata":{"name":"{{name}}"},
             "roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"{{kind}}","name":"{{role}}"},"subjects":[{{subject}}]}
            """;

    private string Account(string name) => $$"""{"kind":"ServiceAccount","namespace":"{{_ns}}","name":"{{name}}"}""";

    private Task RoleAsync(string name, string rules) => CreateAsync($"{Rbac}/namespaces/{_ns}/roles", Role(name, rules));

    private Task BindAsync(string name, string kind, string role, string subject) =>
        CreateAsync($"{Rbac}/namespaces/{_ns}/rolebindings", Binding(name, kind, role, subject));

    private Task BindClusterAsync(string name, string role, string subject) =>
        CreateAsync(
            $"{Rbac}/clusterrolebindings",
            Binding(name, "ClusterRole", role, subject).Replace("\"RoleBinding\"", "\"ClusterRoleBinding\"", StringComparison.Ordinal)
        );

    private async Task CreateAsync(string path, string body)
    {
        var (code, answer) = await _server.PostAsync(path, body);
        code.Should().Be(201, answer.ToJsonString());
    }

    /// <summary>A client with the token of a new service account.</summary>
    private async Task<HttpClient> AccountAsync(string name)
    {
        await CreateAsync(
            $"/api/v1/namespaces/{_ns}/serviceaccounts",
            $$"""{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"{{name}}"} }"""
        );
        return _server.As(await _server.TokenAsync(_ns, name));
    }

    private Task<(int Code, JsonObject Body)> SendAsync(
        HttpClient client,
        HttpMethod method,
        string path,
        string? body = null,
        string type = "application/json"
    ) => _server.SendAsync(method, path, body, type, client: client);

    private async Task<int> CodeAsync(
        HttpClient client,
        HttpMethod method,
        string path,
        string? body = null,
        string type = "application/json"
    ) => (await SendAsync(client, method, path, body, type)).Code;
}
