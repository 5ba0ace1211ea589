using System.Text.Json;
using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Defaults;
using Serving.Api.Knative;
using Serving.Api.Validation;
using Serving.Api.WellKnown;
using Serving.Kubernetes.Client;
using Serving.Tests.ConfigMaps;
using Serving.Tests.Controller;
using Serving.Tests.Support;

namespace Serving.Tests.Api.Validation;

/// <summary>Bad values in the fields and annotations of a Service: each is rejected with the name of its field, or the Service can
/// run.</summary>
public sealed class UnusableFieldTests
{
    private static readonly string[] Numbers =
    [
        "-9223372036854775808",
        "-2147483649",
        "-1",
        "0",
        "1",
        "65535",
        "65536",
        "2147483647",
        "2147483648",
        "9223372036854775807",
    ];

    private static readonly string[] Texts =
    [
        "",
        " ",
        "0",
        "-1",
        "+3",
        "3",
        "0.5",
        "1e3",
        "1e309",
        "NaN",
        "Inf",
        "-Inf",
        "0x1p4",
        "2147483648",
        "9999999999999999999",
        "0s",
        "1ns",
        "6s",
        "-6s",
        "1.5s",
        "1h",
        "2540400h",
        "10m",
        "-10m",
        "1Gi",
        "-1Gi",
        "Upper",
        "a b",
        "a..b",
        "-a",
        "a_b",
        "ü",
        "a/b",
        "{{.}}",
        "true",
        "cpu",
        "rps",
        "memory",
        "mine.example.com",
        "kpa.autoscaling.knative.dev",
        "hpa.autoscaling.knative.dev",
        "nobody.autoscaling.knative.dev",
        "ExternalIP",
        "Enabled",
        "redirected",
    ];

    private static readonly string[] Fields =
    [
        "timeoutSeconds",
        "responseStartTimeoutSeconds",
        "idleTimeoutSeconds",
        "containerConcurrency",
    ];

    private static IEnumerable<string> Annotations =>
        new[]
        {
            AutoscalingKeys.Class,
            AutoscalingKeys.Metric,
            AutoscalingKeys.MinScale,
            AutoscalingKeys.MaxScale,
            AutoscalingKeys.InitialScale,
            AutoscalingKeys.ActivationScale,
            AutoscalingKeys.Target,
            AutoscalingKeys.TargetUtilizationPercentage,
            AutoscalingKeys.TargetBurstCapacity,
            AutoscalingKeys.Window,
            AutoscalingKeys.PanicWindowPercentage,
            AutoscalingKeys.PanicThresholdPercentage,
            AutoscalingKeys.ScaleDownDelay,
            AutoscalingKeys.ScaleToZeroPodRetentionPeriod,
            AutoscalingKeys.MetricAggregationAlgorithm,
            ServingKeys.QueueSidecarResourcePercentage,
            NetworkingKeys.IngressClass,
            NetworkingKeys.CertificateClass,
        }
            .Select(keys => keys.Key)
            .Concat([
                ServingKeys.ProgressDeadline,
                ServingKeys.QueueSidecarCpuRequest,
                ServingKeys.QueueSidecarCpuLimit,
                ServingKeys.QueueSidecarMemoryRequest,
                ServingKeys.QueueSidecarMemoryLimit,
                ServingKeys.QueueSidecarEphemeralStorageRequest,
                ServingKeys.QueueSidecarEphemeralStorageLimit,
                "example.com/Mine",
                "not a key/x",
            ]);

    [TestCaseSource(nameof(Fields))]
    public void A_number_of_the_specification_is_refused_or_can_be_used(string field)
    {
        foreach (var number in Numbers)
        {
            Judge(template => template["spec"]![field] = JsonNode.Parse(number), field, $"{field}: {number}");
        }
    }

    [TestCaseSource(nameof(Annotations))]
    public void An_annotation_of_the_template_is_refused_or_can_be_used(string key)
    {
        foreach (var hpa in (bool[])[false, true])
        {
            foreach (var text in Texts)
            {
                Judge(
                    template =>
                        template["metadata"] = new JsonObject
                        {
                            ["annotations"] =
                                hpa && key != AutoscalingKeys.Class.Key
                                    ? new JsonObject { [AutoscalingKeys.Class.Key] = AutoscalingKeys.HpaClass, [key] = text }
                                    : new JsonObject { [key] = text },
                        },
                    key,
                    $"{key}: \"{text}\"{(hpa ? " of the class hpa" : "")}"
                );
            }
        }
    }

    [TestCase("app.kubernetes.io/name")]
    [TestCase("Mine")]
    [TestCase("not a key")]
    [TestCase("/x")]
    public void A_label_of_the_template_is_refused_or_can_be_used(string key)
    {
        foreach (var text in Texts.Append(new string('a', 64)))
        {
            Judge(
                template => template["metadata"] = new JsonObject { ["labels"] = new JsonObject { [key] = text } },
                key,
                $"{key}: \"{text}\""
            );
        }
    }

    [TestCase("responseStartTimeoutSeconds")]
    [TestCase("idleTimeoutSeconds")]
    [TestCase("timeoutSeconds")]
    public void A_negative_time_out_is_refused(string field) =>
        Errors(template => template["spec"]![field] = -1).ToString().Should().Be($"expected 0 <= -1 <= 600: spec.template.spec.{field}");

    [TestCase("autoscaling.knative.dev/target", "NaN")]
    [TestCase("autoscaling.knative.dev/target", "Inf")]
    [TestCase("autoscaling.knative.dev/class", "")]
    [TestCase("autoscaling.knative.dev/initial-scale", "9999999999")]
    [TestCase("networking.knative.dev/ingress-class", "")]
    [TestCase("serving.knative.dev/progress-deadline", "0s")]
    [TestCase("queue.sidecar.serving.knative.dev/cpu-resource-request", "-10m")]
    public void An_annotation_that_nobody_can_use_is_refused(string key, string value) =>
        Errors(template => template["metadata"] = new JsonObject { ["annotations"] = new JsonObject { [key] = value } })
            .ToString()
            .Should()
            .Contain(key);

    [Test]
    public void What_was_taken_before_does_not_keep_a_Revision_from_being_labelled()
    {
        var old = Samples.Revision();
        old = old with
        {
            Metadata = old.Metadata with { Annotations = new Dictionary<string, string> { ["autoscaling.knative.dev/target"] = "NaN" } },
        };
        var labelled = old with
        {
            Metadata = old.Metadata with
            {
                Labels = new Dictionary<string, string>(old.Metadata.Labels) { ["serving.knative.dev/routingState"] = "reserve" },
            },
        };
        RevisionValidation
            .Validate(labelled, old, new AdmissionContext(Samples.Config, AdmissionOperation.Update))
            .ToString()
            .Should()
            .BeEmpty();
    }

    private static FieldError Errors(Action<JsonObject> change)
    {
        var context = new AdmissionContext(Samples.Config);
        return ServiceValidation
            .Validate(ServiceDefaults.Apply(Read(Document(change)), null, context), null, context)
            .Only(FieldErrorLevel.Error);
    }

    private static void Judge(Action<JsonObject> change, string field, string because)
    {
        var document = Document(change);
        try
        {
            WriteRules.Check(Resources.KnativeServices, document, old: null);
        }
        catch (KubernetesException refused)
        {
            refused.Message.Should().Contain(field);
            return;
        }

        var errors = Errors(change).ToString();
        if (errors.Length > 0)
        {
            errors.Should().Contain(field, because);
            return;
        }

        FluentActions.Invoking(() => ConfigurationUse.CheckService(Read(document), Samples.Config)).Should().NotThrow(because);
    }

    private static JsonObject Document(Action<JsonObject> change)
    {
        var document = JsonSerializer.SerializeToNode(Samples.Service(), Resources.KnativeServices.Json)!.AsObject();
        change(document["spec"]!["template"]!.AsObject());
        return document;
    }

    private static Service Read(JsonObject document) => document.Deserialize(Resources.KnativeServices.Json)!;
}
