package image

import (
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The parts of SPDX 2.3 that are written (spdx.github.io/spdx-spec/v2.3).
type (
	spdxDocument struct {
		SPDXVersion       string             `json:"spdxVersion"`
		DataLicense       string             `json:"dataLicense"`
		SPDXID            string             `json:"SPDXID"`
		Name              string             `json:"name"`
		DocumentNamespace string             `json:"documentNamespace"`
		CreationInfo      spdxCreation       `json:"creationInfo"`
		Packages          []spdxPackage      `json:"packages"`
		Relationships     []spdxRelationship `json:"relationships"`
	}
	spdxCreation struct {
		Created  string   `json:"created"`
		Creators []string `json:"creators"`
	}
	spdxPackage struct {
		SPDXID           string          `json:"SPDXID"`
		Name             string          `json:"name"`
		VersionInfo      string          `json:"versionInfo,omitempty"`
		Supplier         string          `json:"supplier,omitempty"`
		DownloadLocation string          `json:"downloadLocation"`
		FilesAnalyzed    bool            `json:"filesAnalyzed"`
		LicenseConcluded string          `json:"licenseConcluded"`
		LicenseDeclared  string          `json:"licenseDeclared"`
		CopyrightText    string          `json:"copyrightText"`
		Checksums        []spdxChecksum  `json:"checksums,omitempty"`
		ExternalRefs     []spdxReference `json:"externalRefs,omitempty"`
	}
	spdxChecksum struct {
		Algorithm string `json:"algorithm"`
		Value     string `json:"checksumValue"`
	}
	spdxReference struct {
		Category string `json:"referenceCategory"`
		Type     string `json:"referenceType"`
		Locator  string `json:"referenceLocator"`
	}
	spdxRelationship struct {
		Element string `json:"spdxElementId"`
		Type    string `json:"relationshipType"`
		Related string `json:"relatedSpdxElement"`
	}
)

// unknown is SPDX's word for what nobody looked into.
const unknown = "NOASSERTION"

// sbom lists what the image of a platform is made of: the binary with its Go modules, models and libraries, and the base as one
// thing, whose own parts its maker lists.
func (b *builder) sbom(ctx context.Context, v Variant, info *buildinfo.BuildInfo, from base) ([]byte, error) {
	sum, err := hashFile(ctx, v.Binary)
	if err != nil {
		return nil, fmt.Errorf("the binary: %w", err)
	}
	d := &spdxDocument{
		SPDXVersion: "SPDX-2.3", DataLicense: "CC0-1.0", SPDXID: "SPDXRef-DOCUMENT", Name: "plumbline " + string(v.Platform),
		CreationInfo: spdxCreation{created(info).Format(time.RFC3339), []string{"Tool: plumbline-" + b.Version}},
	}
	main := d.add(spdxPackage{Name: "plumbline", VersionInfo: b.Version, LicenseDeclared: "MIT", Checksums: sha256Sum(sum)})
	d.relate(d.SPDXID, "DESCRIBES", main)
	b.addModules(d, main, info)
	for _, c := range b.Components {
		d.relate(main, "CONTAINS", d.add(spdxPackage{Name: c.Name, VersionInfo: c.Version, LicenseDeclared: c.Licence, Supplier: c.Supplier}))
	}
	for _, m := range b.Models {
		sum := sha256.Sum256(m.Content)
		d.relate(main, "DEPENDS_ON", d.add(spdxPackage{Name: m.Name, LicenseDeclared: "Apache-2.0", Checksums: sha256Sum(hex.EncodeToString(sum[:]))}))
	}
	if v.Library != "" {
		sum, err := hashFile(ctx, v.Library)
		if err != nil {
			return nil, fmt.Errorf("ONNX Runtime's library: %w", err)
		}
		d.relate(main, "DEPENDS_ON", d.add(spdxPackage{Name: filepath.Base(v.Library), Checksums: sha256Sum(sum)}))
	}
	if from.Image == nil { // whoever adds one knows it
		return d.encode()
	}
	digest, err := from.Digest()
	if err != nil {
		return nil, fmt.Errorf("reading the base image: %w", err)
	}
	d.relate(main, "DEPENDS_ON", d.add(spdxPackage{Name: "base image " + from.name, VersionInfo: digest.String()}))
	return d.encode()
}

func (b *builder) addModules(d *spdxDocument, main string, info *buildinfo.BuildInfo) {
	version := strings.TrimPrefix(info.GoVersion, "go")
	d.relate(main, "CONTAINS", d.add(module("stdlib", version, "BSD-3-Clause")))
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		d.relate(main, "CONTAINS", d.add(module(m.Path, m.Version, b.Licences[m.Path])))
	}
}

func module(path, version, licence string) spdxPackage {
	return spdxPackage{
		Name: path, VersionInfo: version, LicenseDeclared: licence,
		ExternalRefs: []spdxReference{{"PACKAGE-MANAGER", "purl", "pkg:golang/" + strings.ToLower(path) + "@" + strings.ReplaceAll(version, "+", "%2B")}},
	}
}

// add fills in what is not known and gives the package's id.
func (d *spdxDocument) add(p spdxPackage) string {
	p.SPDXID = fmt.Sprintf("SPDXRef-Package-%d", len(d.Packages)+1)
	p.DownloadLocation, p.LicenseConcluded, p.CopyrightText = unknown, unknown, unknown
	if p.LicenseDeclared == "" {
		p.LicenseDeclared = unknown
	}
	if p.Supplier == "" {
		p.Supplier = unknown
	}
	d.Packages = append(d.Packages, p)
	return p.SPDXID
}

func (d *spdxDocument) relate(element, how, related string) {
	d.Relationships = append(d.Relationships, spdxRelationship{element, how, related})
}

// encode gives the document a name of its own that follows from its content.
func (d *spdxDocument) encode() ([]byte, error) {
	b, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	d.DocumentNamespace = "urn:plumbline:sbom:sha256:" + hex.EncodeToString(sum[:])
	return json.MarshalIndent(d, "", " ")
}

func sha256Sum(hexadecimal string) []spdxChecksum { return []spdxChecksum{{"SHA256", hexadecimal}} }

func hashFile(ctx context.Context, file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, while{ctx, f}); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
