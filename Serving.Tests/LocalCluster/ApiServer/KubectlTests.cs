using FluentAssertions;
using NUnit.Framework;
using Serving.Tests.Support;

namespace Serving.Tests.LocalCluster.ApiServer;

/// <summary>The real kubectl against the server; needs kubectl on the PATH.</summary>
[TestFixture]
[Category("Slow")]
internal sealed class KubectlTests
{
    private RunningServer _server = null!;

    [OneTimeSetUp]
    public async Task Start()
    {
        Kubectl.Assume();
        _server = await RunningServer.StartAsync();
    }

    [OneTimeTearDown]
    public async Task Stop()
    {
        if (_server is not null)
            await _server.DisposeAsync();
    }

    [Test]
    public async Task Creates_what_it_sends_as_protobuf()
    {
        (await RunAsync("create namespace proto")).Should().Contain("namespace/proto created");
        (await RunAsync("create configmap a -n proto --from-literal=x=1")).Should().Contain("created");
        (await RunAsync("create secret generic s -n proto --from-literal=p=q")).Should().Contain("created");
        (await RunAsync("create deployment web -n proto --image=nginx --replicas=2")).Should().Contain("created");
        (await RunAsync("create sa robot -n proto")).Should().Contain("created");
        (await RunAsync("create token robot -n proto")).Split('.').Should().HaveCount(3);
        (await RunAsync("auth can-i list pods")).Trim().Should().Be("yes");
        (await RunAsync("get deploy web -n proto")).Should().Contain("0/2");
    }

    [Test]
    public async Task Tells_who_may_do_what()
    {
        await RunAsync("create namespace auth");
        await RunAsync("create sa robot -n auth");
        (await RunAsync("create role reader -n auth --verb=get,list --resource=pods,pods/log")).Should().Contain("created");
        (await RunAsync("create rolebinding reader -n auth --role=reader --serviceaccount=auth:robot")).Should().Contain("created");
        (await RunAsync("create clusterrole nodes --verb=get --resource=nodes")).Should().Contain("created");
        (await RunAsync("create clusterrolebinding nodes --clusterrole=nodes --user=jane")).Should().Contain("created");
        const string robot = "--as=system:serviceaccount:auth:robot";

        (await RunAsync("auth whoami")).Should().Contain("kubernetes-admin").And.Contain("system:masters");
        (await RunAsync($"auth whoami {robot}")).Should().Contain("system:serviceaccount:auth:robot");
        (await RunAsync($"auth can-i get pods/log -n auth {robot}")).Trim().Should().Be("yes");
        (await RunAsync($"auth can-i delete pods -n auth {robot}")).Trim().Should().StartWith("no");
        (await RunAsync("auth can-i get nodes --as=jane")).Should().Contain("yes");
        (await RunAsync($"auth can-i get /version {robot}")).Trim().Should().Be("yes");
        (await RunAsync($"auth can-i --list -n auth {robot}"))
            .Should()
            .MatchRegex(@"pods/log\s+\[\]\s+\[\]\s+\[get list\]")
            .And.Contain("[/version/]");
        (await RunAsync($"get pods -n auth {robot}")).Should().Contain("No resources found");
        (await RunAsync($"get pods -n default {robot}"))
            .Should()
            .Contain(
                "Error from server (Forbidden): pods is forbidden: User \"system:serviceaccount:auth:robot\" cannot list resource \"pods\" in API group \"\" in the namespace \"default\""
            );
        (
            await RunAsync(
                "auth reconcile -f -",
                """
                apiVersion: rbac.authorization.k8s.io/v1
                kind: Role
                metadata: {name: reader, namespace: auth}
                rules: [{apiGroups: [""], resources: [configmaps], verbs: [get]}]
                """
            )
        ).Should().Contain("reconciled");
    }

    [Test]
    public async Task Applies_diffs_scales_and_deletes()
    {
        const string manifest = """
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: applied, namespace: default}
            spec:
              selector: {matchLabels: {app: applied}}
              template:
                metadata: {labels: {app: applied}}
                spec: {containers: [{name: c, image: a}]}
            """;
        (await RunAsync("apply -f -", manifest)).Should().Contain("created");
        (await RunAsync("apply -f -", manifest)).Should().Contain("unchanged");
        (await RunAsync("diff -f -", manifest)).Should().BeEmpty();
        (await RunAsync("diff -f -", manifest.Replace("image: a", "image: b", StringComparison.Ordinal)))
            .Should()
            .Contain("+      - image: b");
        (await RunAsync("scale deployment applied --replicas=3")).Should().Contain("scaled");
        (await RunAsync("wait deployment/applied --for=jsonpath={.spec.replicas}=3 --timeout=5s")).Should().Contain("condition met");
        (await RunAsync("apply -f -", manifest.Replace("spec:\n  selector", "spec:\n  bogus: 1\n  selector", StringComparison.Ordinal)))
            .Should()
            .Contain("unknown field \"spec.bogus\"");
        (await RunAsync("explain deployment.spec.strategy")).Should().Contain("rollingUpdate");
        (await RunAsync("apply --server-side --field-manager=one -f -", manifest)).Should().Contain("serverside-applied");
        (await RunAsync("apply --server-side --field-manager=two -f -", manifest.Replace("image: a", "image: c", StringComparison.Ordinal)))
            .Should()
            .Contain("conflicts with \"one\"");
        (await RunAsync("delete deployment applied")).Should().Contain("deleted");
    }

    [Test]
    public async Task Explains_every_field_of_a_custom_kind()
    {
        await RunAsync($"apply --server-side -f {Repository.PathOf("deploy", "crds", "services.serving.knative.dev.yaml")}");
        await RunAsync("wait --for=condition=Established crd/services.serving.knative.dev --timeout=5s");

        // This also clears kubectl's discovery cache.
        (await RunAsync("api-resources --api-group=serving.knative.dev"))
            .Should()
            .Contain("kservice,ksvc");
        (await RunAsync("explain ksvc")).Should().Contain("metadata\t<ObjectMeta>").And.NotContain("<no description>");
        (await RunAsync("explain ksvc.spec.template.spec"))
            .Should()
            .NotContain("<no description>")
            .And.Contain("containers\t<[]Object> -required-")
            .And.Contain("This is accessible behind a feature flag - kubernetes.podspec-affinity");
    }

    [Test]
    public async Task Reads_the_logs_the_node_writes()
    {
        await RunAsync("run logger --image=x");
        var uid = (await RunAsync("get pod logger -o jsonpath={.metadata.uid}")).Trim();
        var directory = Path.Combine(_server.Directory, "pods", $"default_logger_{uid}", "logger");
        Directory.CreateDirectory(directory);
        await File.WriteAllTextAsync(Path.Combine(directory, "0.log"), "2026-01-01T00:00:00.000000001Z one\n2026-01-01T00:00:01Z two\n");
        (await RunAsync("logs logger")).Should().Be("one\ntwo\n");
        (await RunAsync("logs logger --tail=1 --timestamps")).Should().Be("2026-01-01T00:00:01Z two\n");
    }

    [Test]
    public async Task Creates_what_nothing_acts_on_and_says_so()
    {
        await RunAsync("create namespace idle");
        await RunAsync("create deployment web -n idle --image=nginx");
        (await RunAsync("autoscale deployment web -n idle --min=1 --max=3 --cpu-percent=70"))
            .Should()
            .Contain("autoscaled")
            .And.Contain("Warning: the local cluster has no controller for HorizontalPodAutoscaler");
        (
            await RunAsync(
                "get hpa web -n idle -o jsonpath={.apiVersion},{.spec.maxReplicas},{.spec.metrics[0].resource.target.averageUtilization}"
            )
        )
            .Should()
            .Be("autoscaling/v2,3,70");
        (await RunAsync("create quota q -n idle --hard=pods=2")).Should().Contain("created").And.Contain("does not enforce ResourceQuota");
        (await RunAsync("get quota q -n idle -o jsonpath={.spec.hard.pods}")).Should().Be("2");
        (await RunAsync("create ingress i -n idle --rule=example.com/=web:80")).Should().Contain("created");
        (await RunAsync("get ingress i -n idle -o jsonpath={.spec.rules[0].http.paths[0].backend.service.port.number}")).Should().Be("80");
        (await RunAsync("create pdb p -n idle --selector=app=web --min-available=1")).Should().Contain("created");
        (await RunAsync("create priorityclass high --value=1000")).Should().Contain("created").And.NotContain("Warning");
        (await RunAsync("create job j -n idle --image=x"))
            .Should()
            .Contain("created")
            .And.Contain("the local cluster has no controller for Job: nothing will run");
        (await RunAsync("create cronjob c -n idle --image=x --schedule=@daily")).Should().Contain("created");
    }

    [Test]
    public async Task Refuses_to_run_commands_in_pods_and_says_where_they_are()
    {
        await RunAsync("run alone --image=x --port=8080");
        foreach (var command in (string[])["exec alone -- true", "attach alone", "port-forward alone 18080:8080"])
        {
            (await RunAsync(command)).Should().NotContain("NotFound").And.NotContain("not found");
        }

        (await RunAsync("get --raw /api/v1/namespaces/default/pods/alone/exec"))
            .Should()
            .Contain("the local cluster runs pods as processes of this machine; exec is not offered");
    }

    private Task<string> RunAsync(string arguments, string? input = null) =>
        Kubectl.RunAsync(_server.Server.KubeconfigPath, arguments, input);
}
