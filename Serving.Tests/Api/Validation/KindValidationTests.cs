using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Validation;

namespace Serving.Tests.Api.Validation;

public sealed class KindValidationTests
{
    [Test]
    public void A_revision_cannot_be_changed()
    {
        var old = Documents.Read(
            Resources.Revisions,
            """{"metadata":{"name":"r"},"spec":{"containers":[{"image":"a"}],"containerConcurrency":0}}"""
        );
        var changed = Documents.Read(
            Resources.Revisions,
            """{"metadata":{"name":"r"},"spec":{"containers":[{"image":"a"}],"containerConcurrency":1}}"""
        );

        RevisionValidation
            .Validate(changed, old, Documents.Update)
            .ToString()
            .Should()
            .Be("Immutable fields changed (-old +new): spec\n*{v1.RevisionSpec}.ContainerConcurrency:\n\t-: \"0\"\n\t+: \"1\"\n");
    }

    [Test]
    public void Amounts_written_otherwise_are_no_change()
    {
        var old = Documents.Read(
            Resources.Revisions,
            """{"metadata":{"name":"r"},"spec":{"containers":[{"image":"a","resources":{"requests":{"cpu":"0.1"}}}]}}"""
        );
        var same = Documents.Read(
            Resources.Revisions,
            """{"metadata":{"name":"r"},"spec":{"containers":[{"image":"a","resources":{"requests":{"cpu":"100m"}}}]}}"""
        );

        RevisionValidation.Validate(same, old, Documents.Update).IsEmpty.Should().BeTrue();
    }

    [Test]
    public void Labels_of_a_parent_need_the_parent() =>
        ConfigurationValidation
            .Validate(
                Documents.Read(
                    Resources.Configurations,
                    """{"metadata":{"name":"c","labels":{"serving.knative.dev/service":"s"}},"spec":{"template":{"spec":{"containers":[{"image":"busybox"}]}}}}"""
                ),
                null,
                Documents.Create
            )
            .Only(FieldErrorLevel.Error)
            .ToString()
            .Should()
            .Be("missing field(s): metadata.labels.serving.knative.dev/service");

    [TestCase(
        """[{"percent":100}]""",
        "expected exactly one, got neither: spec.traffic[0].configurationName, spec.traffic[0].revisionName"
    )]
    [TestCase(
        """[{"revisionName":"a","configurationName":"b","percent":100}]""",
        "expected exactly one, got both: spec.traffic[0].configurationName, spec.traffic[0].revisionName"
    )]
    [TestCase(
        """[{"revisionName":"b@r","percent":100}]""",
        "invalid key name \"b@r\": spec.traffic[0].revisionName\nname part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
    )]
    public void Traffic_of_a_route_is_refused(string traffic, string expected) =>
        RouteValidation.Validate(Documents.Route(traffic), null, Documents.Create).ToString().Should().Be(expected);

    [TestCase(
        """{"metadata":{"name":"a.example.com","namespace":"n"},"spec":{"ref":{"name":"s","kind":"Service","apiVersion":"serving.knative.dev/v1"}}}""",
        ""
    )]
    [TestCase(
        """{"metadata":{"name":"notfqdn","namespace":"n"},"spec":{"ref":{"name":"s","kind":"Service","apiVersion":"serving.knative.dev/v1"}}}""",
        "invalid name \"notfqdn\": name: Invalid value: \"notfqdn\": should be a domain with at least two segments separated by dots: metadata.name"
    )]
    [TestCase(
        """{"metadata":{"name":"a.cluster.local","namespace":"n"},"spec":{"ref":{"name":"s","kind":"Service","apiVersion":"serving.knative.dev/v1"}}}""",
        "invalid name \"a.cluster.local\": must not be a subdomain of cluster local domain \"cluster.local\": metadata.name"
    )]
    [TestCase(
        """{"metadata":{"name":"a.example.com","namespace":"n"},"spec":{"ref":{"name":"s","namespace":"m"}}}""",
        "mismatched namespaces: spec.ref.namespace\nparent namespace: \"n\" does not match ref: \"m\"\nmissing field(s): spec.ref.apiVersion, spec.ref.kind"
    )]
    public void Domain_mappings_are_judged(string json, string expected) =>
        DomainMappingValidation
            .Validate(Documents.Read(Resources.DomainMappings, json), null, Documents.Create)
            .ToString()
            .Should()
            .Be(expected);

    [TestCase("""{"metadata":{"name":"p"},"spec":{}}""", "missing field(s): spec")]
    [TestCase(
        """{"metadata":{"name":"p"},"spec":{"containerConcurrency":-1,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"bar"},"protocolType":"WebSocket"}}""",
        "expected 0 <= -1 <= 1000: spec.containerConcurrency\ninvalid value: WebSocket: spec.protocolType"
    )]
    [TestCase(
        """{"metadata":{"name":"p"},"spec":{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"bar","namespace":"x"},"protocolType":"http1"}}""",
        "must not set the field(s): spec.scaleTargetRef.namespace"
    )]
    public void Pod_autoscalers_are_refused(string json, string expected) =>
        PodAutoscalerValidation
            .Validate(Documents.Read(Resources.PodAutoscalers, json), null, Documents.Create)
            .ToString()
            .Should()
            .Be(expected);

    [TestCase("""{"metadata":{"namespace":"default"},"spec":{}}""", "missing field(s): spec")]
    [TestCase(
        """{"metadata":{"namespace":"default"},"spec":{"rules":[{"http":{"paths":[{"splits":[{"serviceName":"a","serviceNamespace":"b","servicePort":8080,"percent":100}]}]}}]}}""",
        "service namespace must match ingress namespace: spec.rules[0].http.paths[0].splits[0].serviceNamespace"
    )]
    [TestCase(
        """{"metadata":{"namespace":"default"},"spec":{"rules":[{"http":{"paths":[{"splits":[{"serviceName":"a","serviceNamespace":"default","servicePort":8080,"percent":30}]}]}}]}}""",
        "traffic split percentage must total to 100, but was 30: spec.rules[0].http.paths[0].splits"
    )]
    [TestCase(
        """{"metadata":{"namespace":"default"},"spec":{"rules":[{"http":{"paths":[]}}],"httpOption":"x"}}""",
        "invalid value: x: spec.httpOption\nmissing field(s): spec.rules[0].http.paths"
    )]
    public void Ingresses_are_refused(string json, string expected) =>
        IngressValidation.Validate(Documents.Read(Resources.Ingresses, json), Documents.Create).ToString().Should().Be(expected);

    [TestCase("""{"spec":{}}""", "missing field(s): spec")]
    [TestCase(
        """{"spec":{"mode":"bombastic","objectRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"d"},"protocolType":"http1","numActivators":-1}}""",
        "invalid value: -1: spec.numActivators\ninvalid value: bombastic: spec.mode"
    )]
    public void Serverless_services_are_refused(string json, string expected) =>
        ServerlessServiceValidation
            .Validate(Documents.Read(Resources.ServerlessServices, json), Documents.Create)
            .ToString()
            .Should()
            .Be(expected);

    [TestCase("""{"spec":{"dnsNames":[],"secretName":""}}""", "missing field(s): spec.dnsNames, spec.secretName")]
    [TestCase("""{"spec":{"dnsNames":["host1",""],"secretName":"s"}}""", "invalid value: : spec.dnsNames[1]")]
    public void Certificates_are_refused(string json, string expected) =>
        CertificateValidation.Validate(Documents.Read(Resources.Certificates, json), Documents.Create).ToString().Should().Be(expected);

    [TestCase("busybox", true)]
    [TestCase("localhost:5000/a/b:tag", true)]
    [TestCase("gcr.io/p/i@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true)]
    [TestCase("dev.local/hello", true)]
    [TestCase("UPPER/case", false)]
    [TestCase("a", false)]
    [TestCase("x@sha256:abc", false)]
    [TestCase("busybox:" + "t!", false)]
    public void Image_references_are_told_apart(string image, bool valid) => ImageReference.IsValid(image).Should().Be(valid);
}
