using System.Diagnostics;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Core;
using Serving.ConfigMaps;
using Serving.Host.Composition;
using Serving.Tests.Support;
using Serving.Webhook;

namespace Serving.Tests.Deploy;

/// <summary>The rendered files are what Kustomize makes of their sources, and their objects fit together.</summary>
[Category("Slow")]
[Parallelizable]
public sealed class RenderedFilesTests
{
    private static readonly string Version = typeof(ControlPlane).Assembly.GetName().Version!.ToString(3);

    private static IReadOnlyList<string> Files => RenderedManifest.Names;

    /// <summary>Those that install everything, not only what stands beside another installation.</summary>
    private static IEnumerable<string> WholeInstalls => Files.Except(["serving-takeover.yaml"]);

    [Test]
    public async Task Rendered_files_are_byte_for_byte_what_kubectl_kustomize_makes()
    {
        Kubectl.Require();

        var (code, output) = await Kubectl.RunAsync(Repository.PathOf("deploy", "render"), ["--check"]);

        code.Should().Be(0, "run deploy/render after a change below deploy/: {0}", output);
    }

    [Test]
    public void There_is_one_for_the_base_and_for_every_overlay() =>
        Files
            .Should()
            .BeEquivalentTo([
                "serving.yaml",
                .. Directory
                    .EnumerateDirectories(Repository.PathOf("deploy", "overlays"))
                    .Select(overlay => $"serving-{Path.GetFileName(overlay)}.yaml"),
            ]);

    [TestCaseSource(nameof(WholeInstalls))]
    public void What_others_need_comes_before_them(string file)
    {
        var kinds = RenderedManifest.Read(file).Select(item => item.Kind).ToList();

        if (file != "serving-adopted.yaml")
        {
            kinds[0].Should().Be("Namespace");
            kinds.LastIndexOf("CustomResourceDefinition").Should().BeLessThan(kinds.IndexOf("ConfigMap"));
        }

        kinds.LastIndexOf("ConfigMap").Should().BeLessThan(kinds.IndexOf("Deployment"));
        kinds.LastIndexOf("Service").Should().BeLessThan(kinds.IndexOf("Deployment"));
        kinds
            .FindIndex(kind => kind.EndsWith("WebhookConfiguration", StringComparison.Ordinal))
            .Should()
            .BeGreaterThan(kinds.LastIndexOf("ConfigMap"));
    }

    [TestCaseSource(nameof(WholeInstalls))]
    public void The_webhook_of_ConfigMaps_has_no_rules_until_somebody_serves_it(string file)
    {
        // With rules and no pod yet, it would refuse the very ConfigMaps that are installed with it.
        var webhook = RenderedManifest
            .Read(file)
            .Single(item => item.Metadata.Name == "config.webhook.serving.knative.dev")
            .Get("webhooks")!
            .Value.EnumerateArray()
            .Single();

        webhook.TryGetProperty("rules", out _).Should().BeFalse();
    }

    [TestCaseSource(nameof(WholeInstalls))]
    public void The_rules_of_the_other_webhooks_are_those_that_a_replica_keeps_there(string file)
    {
        // Else every apply on a running cluster would take them back for a moment.
        var objects = RenderedManifest.Read(file);
        foreach (var entry in WebhookRegistration.Entries.Where(entry => entry.IsOurKinds))
        {
            var webhook = objects
                .Single(item => item.Kind == entry.Resource.Kind && item.Metadata.Name == entry.Name)
                .Get("webhooks")!
                .Value.EnumerateArray()
                .Single();

            JsonNode
                .DeepEquals(JsonNode.Parse(webhook.GetProperty("rules").GetRawText()), entry.Rules())
                .Should()
                .BeTrue("{0} of {1}", entry.Name, file);
        }
    }

    [TestCaseSource(nameof(WholeInstalls))]
    public void Every_port_of_every_Service_leads_to_a_declared_port_of_some_pod(string file)
    {
        var objects = RenderedManifest.Read(file);
        var deployments = objects.Where(item => item.Kind == "Deployment").ToList();
        foreach (var service in objects.Where(item => item.Kind == "Service"))
        {
            var selector = service.Strings("spec", "selector");
            var selected = deployments.Where(deployment => selector.Selects(deployment.PodLabels())).ToList();
            selected.Should().NotBeEmpty("Service {0} of {1} leads somewhere", service.Metadata.Name, file);
            var declared = selected
                .SelectMany(deployment => deployment.Container().GetProperty("ports").EnumerateArray())
                .Select(port => port.GetProperty("containerPort").GetInt32())
                .ToHashSet();
            foreach (var port in service.Get("spec", "ports")!.Value.EnumerateArray())
            {
                declared.Should().Contain(port.GetProperty("targetPort").GetInt32(), "Service {0} of {1}", service.Metadata.Name, file);
            }
        }
    }

    [TestCaseSource(nameof(Files))]
    public void Pods_are_labelled_with_exactly_the_modules_they_run(string file)
    {
        const string Prefix = "serving.knative.dev/module-";
        foreach (var deployment in RenderedManifest.Read(file).Where(item => item.Kind == "Deployment"))
        {
            var arguments = deployment.Container().GetProperty("args").EnumerateArray().Select(argument => argument.GetString()!).ToList();
            var run = arguments.FirstOrDefault(argument => argument.StartsWith("--modules=", StringComparison.Ordinal)) is { } named
                ? named["--modules=".Length..].Split(',')
                : ControlPlane.AllModules;

            deployment
                .PodLabels()
                .Keys.Where(label => label.StartsWith(Prefix, StringComparison.Ordinal))
                .Select(label => label[Prefix.Length..])
                .Should()
                .BeEquivalentTo(run, "{0} of {1}", deployment.Metadata.Name, file);
        }
    }

    [TestCaseSource(nameof(WholeInstalls))]
    public void Every_module_runs_somewhere(string file) =>
        RenderedManifest
            .Read(file)
            .Where(item => item.Kind == "Deployment")
            .SelectMany(deployment => deployment.PodLabels().Keys)
            .Where(label => label.Contains("/module-", StringComparison.Ordinal))
            .Select(label => label[(label.IndexOf('-', StringComparison.Ordinal) + 1)..])
            .Should()
            .BeEquivalentTo(ControlPlane.AllModules);

    [TestCaseSource(nameof(Files))]
    public void Pods_keep_to_the_restricted_Pod_Security_profile(string file)
    {
        foreach (var deployment in RenderedManifest.Read(file).Where(item => item.Kind == "Deployment"))
        {
            var pod = deployment.Get("spec", "template", "spec", "securityContext")!.Value;
            pod.GetProperty("runAsNonRoot").GetBoolean().Should().BeTrue();
            pod.GetProperty("runAsUser").GetInt64().Should().BePositive("a number can be checked without the image");
            pod.GetProperty("seccompProfile").GetProperty("type").GetString().Should().Be("RuntimeDefault");
            var container = deployment.Container().GetProperty("securityContext");
            container.GetProperty("allowPrivilegeEscalation").GetBoolean().Should().BeFalse();
            container.GetProperty("readOnlyRootFilesystem").GetBoolean().Should().BeTrue();
            container
                .GetProperty("capabilities")
                .GetProperty("drop")
                .EnumerateArray()
                .Select(name => name.GetString())
                .Should()
                .Equal("ALL");
            deployment.Get("spec", "template", "spec", "hostNetwork").Should().BeNull();
            deployment.Get("spec", "template", "spec", "volumes").Should().BeNull();
        }
    }

    [TestCaseSource(nameof(Files))]
    public void Images_and_labels_carry_the_version_of_the_build(string file)
    {
        var objects = RenderedManifest.Read(file);
        foreach (var item in objects)
        {
            item.Metadata.Labels.GetValueOrDefault("app.kubernetes.io/version")
                .Should()
                .Be(Version, "{0} {1} of {2}", item.Kind, item.Metadata.Name, file);
        }

        List<string> images =
        [
            .. objects
                .Where(item => item.Kind == "Deployment")
                .Select(deployment => deployment.Container().GetProperty("image").GetString()!),
        ];
        images.AddRange(
            objects.Where(item => item.Metadata.Name == "config-deployment").Select(map => map.Strings("data")["queue-sidecar-image"])
        );
        images.Should().NotBeEmpty().And.OnlyContain(image => image.EndsWith($":v{Version}", StringComparison.Ordinal));
    }

    [Test]
    public void The_migration_is_a_step_of_its_own_that_applying_again_does_not_repeat()
    {
        var objects = RenderedManifest.Read("storage-migration.yaml");
        var job = objects.Single(item => item.Kind == "Job");

        job.Metadata.Name.Should()
            .Be(
                $"storage-version-migration-serving-{Version.Replace('.', '-')}",
                "a Job cannot be changed: the next version needs a name of its own"
            );
        job.Container().GetProperty("image").GetString().Should().EndWith($"/host:v{Version}");
        job.Container().GetProperty("args").EnumerateArray().Select(argument => argument.GetString()).Should().Equal("storage-migrate");
        job.Get("spec", "ttlSecondsAfterFinished").Should().BeNull("a Job that is gone is made anew by whoever applies continuously");
        job.Get("spec", "template", "spec", "restartPolicy")!.Value.GetString().Should().Be("OnFailure");
        Files
            .SelectMany(RenderedManifest.Read)
            .Should()
            .NotContain(item => item.Kind == "Job", "another registry would be refused where the Job is already there");
    }

    [Test]
    public void What_makes_pods_has_a_name_that_pods_and_hosts_may_have() =>
        Files
            .Concat(["storage-migration.yaml", "default-domain.yaml"])
            .SelectMany(RenderedManifest.Read)
            .Where(item => item.Kind is "Job" or "Deployment")
            .Should()
            .OnlyContain(item => Regex.IsMatch(item.Metadata.Name, "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"), "Kubernetes warns of others");

    [TestCaseSource(nameof(Files))]
    public async Task The_command_that_names_another_registry_changes_the_images_and_no_documentation(string file)
    {
        // The command as the README gives it, but for what it is piped into.
        var command = Regex.Match(
            await File.ReadAllTextAsync(Repository.PathOf("deploy", "README.md")),
            @"^(sed '.*') deploy/serving.yaml \| kubectl apply -f -$",
            RegexOptions.Multiline
        );
        command.Success.Should().BeTrue("deploy/README.md says how to use another registry");
        var start = new ProcessStartInfo("sh", ["-c", $"{command.Groups[1].Value} {RenderedManifest.PathOf(file)}"])
        {
            RedirectStandardOutput = true,
        };
        using var sed = Process.Start(start)!;
        var text = await sed.StandardOutput.ReadToEndAsync();
        await sed.WaitForExitAsync();

        var objects = RenderedManifest.Parse(text);

        text.Should().NotContain("ghcr.io/");
        objects
            .Where(item => item.Kind == "Deployment")
            .Should()
            .OnlyContain(item => item.Container().GetProperty("image").GetString()!.StartsWith("registry.example.com/serving/host:v"));
        foreach (var map in objects.Where(item => item.Kind == "ConfigMap"))
        {
            var check = () => ExampleBlock.Check(new ConfigMap { Metadata = map.Metadata, Data = map.Strings("data") });
            check.Should().NotThrow("every later edit of {0} would be refused", map.Metadata.Name);
        }
    }

    [TestCase("serving-split.yaml")]
    [TestCase("serving-split-ha.yaml")]
    public void Deployments_of_one_install_do_not_select_each_others_pods(string file)
    {
        var deployments = RenderedManifest.Read(file).Where(item => item.Kind == "Deployment").ToList();

        deployments.Should().HaveCount(2);
        foreach (var deployment in deployments)
        {
            deployments.Count(other => deployment.Strings("spec", "selector", "matchLabels").Selects(other.PodLabels())).Should().Be(1);
        }
    }

    [Test]
    public void The_selector_of_the_Deployment_is_the_same_in_every_overlay()
    {
        // It cannot be changed, so going from one overlay to another would be refused.
        var selectors = Files.Select(file =>
            RenderedManifest
                .Read(file)
                .Single(item => item is { Kind: "Deployment", Metadata.Name: "serving" })
                .Get("spec", "selector")!
                .Value.GetRawText()
        );

        selectors.Distinct().Should().ContainSingle();
    }

    [Test]
    public void A_takeover_touches_nothing_that_the_running_installation_reads_or_is_reached_by()
    {
        var objects = RenderedManifest.Read("serving-takeover.yaml");

        objects
            .Select(item => item.Kind)
            .Should()
            .NotContain(["ConfigMap", "Namespace", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"]);
        objects
            .Where(item => item.Kind == "Service")
            .Select(item => item.Metadata.Name)
            .Should()
            .Equal(["metrics"], "the reference implementation has no Service of this name");
    }

    [TestCaseSource(nameof(Files))]
    public void Prometheus_finds_every_pod_of_every_overlay_once(string file)
    {
        var monitor = RenderedManifest
            .Parse(File.ReadAllText(Repository.PathOf("deploy", "prometheus.yaml")))
            .Single(item => item is { Kind: "ServiceMonitor", Metadata.Name: "serving" });
        var objects = RenderedManifest.Read(file);

        var service = objects
            .Where(item =>
                item.Kind == "Service" && monitor.Strings("spec", "selector", "matchLabels").Selects(item.Metadata.Labels.ToDictionary())
            )
            .Should()
            .ContainSingle()
            .Subject;

        objects
            .Where(item => item.Kind == "Deployment")
            .Should()
            .AllSatisfy(item => service.Strings("spec", "selector").Selects(item.PodLabels()).Should().BeTrue());
        service
            .Get("spec", "ports")!
            .Value.EnumerateArray()
            .Select(port => port.GetProperty("name").GetString())
            .Should()
            .Equal(monitor.Get("spec", "endpoints")!.Value.EnumerateArray().Select(endpoint => endpoint.GetProperty("port").GetString()));
    }

    [Test]
    public void A_takeover_is_undone_with_its_Service()
    {
        var text = File.ReadAllText(Repository.PathOf("docs", "upgrade.md"));
        string Section(string heading) => text[text.IndexOf(heading, StringComparison.Ordinal)..].Split("\n##")[0];

        Section("### 1. Install ours on standby").Should().Contain("delete deployment/serving service/metrics");
        Section("### Roll back").Should().Contain("delete service metrics");
    }

    [Test]
    public void An_adopted_cluster_keeps_its_ConfigMaps_and_its_namespace_and_gets_all_else()
    {
        string Name(Serving.Api.Unstructured item) => $"{item.Kind}/{item.Metadata.Name}";
        var whole = RenderedManifest.Read("serving.yaml").Where(item => item.Kind is not ("ConfigMap" or "Namespace")).Select(Name);

        RenderedManifest
            .Read("serving-adopted.yaml")
            .Select(Name)
            .Should()
            .BeEquivalentTo(whole.Append("ClusterRole/knative-serving-shared-account"));
    }

    [TestCase("serving-ha.yaml", "serving")]
    [TestCase("serving-split-ha.yaml", "serving-dataplane")]
    public void The_autoscaler_leads_to_the_Deployment_that_serves_requests_and_never_below_its_replicas(string file, string name)
    {
        var objects = RenderedManifest.Read(file);
        var autoscaler = objects.Single(item => item.Kind == "HorizontalPodAutoscaler");

        autoscaler.Metadata.Name.Should().Be(name);
        var target = objects.Single(item =>
            item.Kind == "Deployment" && item.Metadata.Name == autoscaler.Get("spec", "scaleTargetRef", "name")!.Value.GetString()
        );
        target.Metadata.Name.Should().Be(name);
        target.PodLabels().Should().ContainKey("serving.knative.dev/module-gateway");
        autoscaler.Get("spec", "minReplicas")!.Value.GetInt32().Should().Be(target.Get("spec", "replicas")!.Value.GetInt32());
    }

    [TestCase("serving-ha.yaml", 1)]
    [TestCase("serving-split-ha.yaml", 2)]
    public void Replicas_of_each_Deployment_keep_to_nodes_of_their_own_and_share_the_autoscaler(string file, int count)
    {
        var objects = RenderedManifest.Read(file);
        var deployments = objects.Where(item => item.Kind == "Deployment").ToList();

        deployments.Should().HaveCount(count);
        foreach (var deployment in deployments)
        {
            deployment.Get("spec", "replicas")!.Value.GetInt32().Should().Be(3);
            var spread = deployment.Get("spec", "template", "spec", "topologySpreadConstraints")!.Value.EnumerateArray().ToList();
            spread
                .Select(one => one.GetProperty("topologyKey").GetString())
                .Should()
                .Equal("kubernetes.io/hostname", "topology.kubernetes.io/zone");
            spread.Select(one => one.GetProperty("whenUnsatisfiable").GetString()).Should().Equal("DoNotSchedule", "ScheduleAnyway");
            spread
                .Should()
                .OnlyContain(one =>
                    one.GetProperty("labelSelector").GetProperty("matchLabels").GetProperty("app.kubernetes.io/component").GetString()
                    == deployment.PodLabels()["app.kubernetes.io/component"]
                );
        }

        objects.Single(item => item.Metadata.Name == "config-leader-election").Strings("data")["buckets"].Should().Be("3");
    }
}
